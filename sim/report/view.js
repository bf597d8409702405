// SPDX-License-Identifier: LGPL-2.1-or-later
// The part of the run that is shown, and the hands, wheels and keys that change it.

const SPAN_MIN = 2e3; // 2 µs: the clock counts in ns, but nothing of a run is that short

class View {
  constructor(from, to) {
    this.min = from;
    this.max = Math.max(to, from + SPAN_MIN);
    this.from = this.min;
    this.to = this.max;
    this.reference = null; // the time axis counts from here when it is in view
    this.referenceName = '';
    this.listeners = [];
  }

  get span() {
    return this.to - this.from;
  }

  get isWhole() {
    return this.from <= this.min && this.to >= this.max;
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  show(from, to) {
    const span = Math.min(Math.max(to - from, SPAN_MIN), this.max - this.min);
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(middle - span / 2, this.min), this.max - span);
    this.to = this.from + span;
    this.listeners.forEach(listener => listener());
  }

  showAll() {
    this.show(this.min, this.max);
  }

  // What is at this time stays where it is.
  zoom(at, factor) {
    const span = Math.min(Math.max(this.span * factor, SPAN_MIN), this.max - this.min);
    const share = (at - this.from) / this.span;
    this.show(at - span * share, at + span * (1 - share));
  }

  move(by) {
    this.show(this.from + by, this.to + by);
  }
}

// Wheel, drag and pinch on a chart. Wheeling outwards from the whole run scrolls the page, as everywhere else.
function attachGestures(chart, view) {
  const pointers = new Map();
  const canvas = chart.canvas;

  canvas.addEventListener('wheel', event => {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    const delta = (event.deltaY || event.deltaX) * (event.deltaMode === 1 ? 30 : 1);
    if (sideways && !view.isWhole)
      view.move((event.deltaX || event.deltaY) / chart.plotWidth * view.span);
    else if (!sideways && !(view.isWhole && delta > 0))
      view.zoom(chart.timeAt(event.offsetX), Math.exp(Math.max(-300, Math.min(300, delta)) / 300));
    else
      return;
    event.preventDefault();
  }, {passive: false});

  canvas.addEventListener('pointerdown', event => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event.offsetX);
  });

  canvas.addEventListener('pointermove', event => {
    const before = pointers.get(event.pointerId);
    if (before === undefined)
      return;
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, event.offsetX);
    if (other === undefined)
      view.move((before - event.offsetX) / chart.plotWidth * view.span);
    else
      view.zoom(chart.timeAt(other), Math.max(Math.abs(before - other), 8) / Math.max(Math.abs(event.offsetX - other), 8));
  });

  for (const end of ['pointerup', 'pointercancel'])
    canvas.addEventListener(end, event => pointers.delete(event.pointerId));
}

function attachKeys(target, view, commands) {
  const keys = {
    ArrowLeft: () => view.move(-view.span / 8),
    ArrowRight: () => view.move(view.span / 8),
    '+': () => view.zoom((view.from + view.to) / 2, 0.5),
    '=': () => view.zoom((view.from + view.to) / 2, 0.5),
    '-': () => view.zoom((view.from + view.to) / 2, 2),
    '0': () => view.showAll(),
    Home: () => view.show(view.min, view.min + view.span),
    End: () => view.show(view.max - view.span, view.max),
    n: commands.next,
    p: commands.previous,
  };
  target.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key))
      return;
    keys[event.key]();
    event.preventDefault();
  });
}
