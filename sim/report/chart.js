// SPDX-License-Identifier: LGPL-2.1-or-later
// What all charts have in common: a canvas as sharp as the screen, the time axis, the colours of the page, and a
// word on what is under the pointer. A chart has draw(), and may have describe(x, y), which returns text or null.

const FONT = '11px system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif';
const AXIS_HEIGHT = 20;
const TICK_WIDTH = 96;

// Asked for once, until the page changes between light and dark.
const colors = new Map();

function color(name) {
  if (!colors.has(name))
    colors.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return colors.get(name);
}

class Chart {
  constructor(id, view) {
    this.canvas = document.getElementById(id);
    this.view = view;
    this.context = this.canvas.getContext('2d');
  }

  get plotLeft() {
    return this.width < 520 ? 92 : 128;
  }

  get plotWidth() {
    return Math.max(this.width - this.plotLeft - 8, 10);
  }

  get plotHeight() {
    return this.height - AXIS_HEIGHT;
  }

  x(time) {
    return this.plotLeft + (time - this.view.from) / this.view.span * this.plotWidth;
  }

  timeAt(x) {
    return this.view.from + (x - this.plotLeft) / this.plotWidth * this.view.span;
  }

  // Clears it, at the size that it has on the page now.
  begin() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    this.context.font = FONT;
    this.context.textBaseline = 'middle';
  }

  clipToPlot(draw) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(this.plotLeft, 0, this.plotWidth, this.plotHeight);
    this.context.clip();
    draw();
    this.context.restore();
  }

  text(text, x, y, align, paint) {
    this.context.textAlign = align;
    this.context.fillStyle = paint;
    this.context.fillText(text, x, y);
  }

  line(x1, y1, x2, y2, paint) {
    this.context.fillStyle = paint;
    this.context.fillRect(x1, y1, Math.max(x2 - x1, 1), Math.max(y2 - y1, 1));
  }

  // Names in the gutter are cut rather than drawn over the plot.
  label(text, y, paint) {
    this.context.textAlign = 'right';
    this.context.fillStyle = paint;
    this.context.fillText(text, this.plotLeft - 8, y, this.plotLeft - 10);
  }

  drawTimeAxis() {
    const {from, to, span} = this.view;
    const step = niceStep(span / Math.max(this.plotWidth / TICK_WIDTH, 2));
    const near = this.view.reference !== null && this.view.reference >= from && this.view.reference <= to && span < 1e9;
    const base = near ? this.view.reference : 0;
    const [unit, scale] = !near ? ['s', 1e9] : step >= 1e6 ? ['ms', 1e6] : step >= 1e3 ? ['µs', 1e3] : ['ns', 1];
    const y = this.plotHeight;

    this.line(this.plotLeft, y, this.plotLeft + this.plotWidth, y + 1, color('line'));
    for (let i = Math.ceil((from - base) / step); base + i * step <= to; i++) {
      const x = this.x(base + i * step);
      const name = near ? `${i > 0 ? '+' : i < 0 ? '−' : ''}${Number(Math.abs(i * step / scale).toPrecision(6))} ${unit}` : formatTime(i * step, step);
      this.line(x, y, x + 1, y + 4, color('muted'));
      if (x > this.plotLeft + 12 && x < this.plotLeft + this.plotWidth - 24)
        this.text(name, x, y + 12, 'center', color('muted'));
    }
    this.label(near ? this.view.referenceName : 'since the start', y + 12, color('muted'));
  }

  // How long nobody was served. Bands are wide enough to be seen, as long as that does not make them look longer in sum.
  drawBands(height) {
    const shown = failovers.filter(({lost, answered}) => answered >= this.view.from && lost <= this.view.to);
    const least = Math.min(1, this.plotWidth / (12 * shown.length));
    this.context.fillStyle = color('band');
    for (const {lost, answered} of shown)
      this.context.fillRect(this.x(lost), 0, Math.max(this.x(answered) - this.x(lost), least), height);
  }
}

function attachTip(chart, tip) {
  chart.canvas.addEventListener('pointermove', event => {
    const text = event.offsetX >= chart.plotLeft ? chart.describe(event.offsetX, event.offsetY) : null;
    tip.hidden = text === null;
    if (text === null)
      return;
    tip.textContent = text;
    const left = chart.canvas.offsetLeft + event.offsetX;
    tip.style.left = `${Math.max(0, Math.min(left + 14, tip.parentElement.clientWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${chart.canvas.offsetTop + event.offsetY + 18}px`;
  });
  chart.canvas.addEventListener('pointerleave', () => { tip.hidden = true; });
}

function legend(id, entries) {
  document.getElementById(id).replaceChildren(...entries.flatMap(([style, text]) => [element('i', {style}), text]));
}
