// SPDX-License-Identifier: LGPL-2.1-or-later
// Fail-overs: one after the other on the time axis, step by step, and all of them by cause.

const ROW_HEIGHT = 30;

function causeName(failover) {
  return faultNames[failover.cause];
}

// What happened between the fault and the first answer, as far as it left a record.
function stepsOf(failover) {
  const next = masteryOfEpoch.get(failover.toEpoch);
  const steps = [{name: causeName(failover), at: failover.lost, what: 'the fault hits the master'}];
  if (next) {
    steps.push({name: 'elected', at: next.since, what: `node ${next.node} is elected`},
               {name: 'handles', at: next.handled, what: 'its handler is given the first message'},
               {name: 'responds', at: next.responded, what: 'and has answered one'});
  }
  steps.push({name: 'first answer', at: failover.answered, what: 'the first answer has reached its sender'});
  return steps.filter(({at}) => at !== null && at >= failover.lost && at <= failover.answered)
    .sort((one, other) => one.at - other.at);
}

// Which fail-over one looks at. There may be none.
class Selection {
  constructor(view) {
    this.view = view;
    this.index = -1;
  }

  get current() {
    return failovers[this.index] ?? null;
  }

  show(index) {
    const failover = failovers[index];
    if (!failover)
      return;
    this.index = index;
    this.view.reference = failover.lost;
    this.view.referenceName = 'since the fault';
    this.view.show(failover.lost - failover.duration * 0.3, failover.answered + failover.duration * 0.6);
    this.fillPanel(failover);
  }

  // From the one that is chosen, if it is still to be seen; or else from the part that is shown.
  step(by) {
    const middle = (this.view.from + this.view.to) / 2;
    const current = this.current;
    const seen = current && current.answered >= this.view.from && current.lost <= this.view.to;
    const after = lowerBound(failovers, this.view.isWhole ? this.view.from : middle, failover => failover.lost);
    const index = seen && !this.view.isWhole ? this.index + by : by > 0 ? after : after - 1;
    this.show(Math.min(Math.max(index, 0), failovers.length - 1));
  }

  showSlowest() {
    this.show(failovers.reduce((best, failover, i) => failover.duration > failovers[best].duration ? i : best, 0));
  }

  fillPanel(failover) {
    const before = masteryOfEpoch.get(failover.fromEpoch);
    const steps = stepsOf(failover);
    const panel = document.getElementById('failover');
    panel.replaceChildren(
      element('h3', {}, `Fail-over ${this.index + 1} of ${failovers.length}: ${causeName(failover)}, `
        + `${formatDuration(failover.duration)}${failover.disturbed ? ', disturbed by something else' : ''}`),
      element('div', {class: 'steps'}, ...steps.flatMap(({at, what}, i) => [
        element('span', {class: 'at mono'}, i === 0 ? formatTime(at) : `+${formatOffset(at - failover.lost)}`),
        element('span', {class: 'after mono'}, i === 0 ? '' : `Δ ${formatDuration(at - steps[i - 1].at)}`),
        element('span', {}, i === 0 && before ? `${what}, node ${before.node}, in epoch ${epochName(failover.fromEpoch)}`
          : what + (i > 0 && steps[i].name === 'elected' ? ` in epoch ${epochName(failover.toEpoch)}` : '')),
      ])));
    panel.hidden = false;
  }
}

// The causes that there are, with their fail-overs; the undisturbed alone make the quantiles, as in the report.
function failoversByCause() {
  const causes = new Map();
  failovers.forEach((failover, index) => {
    if (!causes.has(failover.cause))
      causes.set(failover.cause, []);
    causes.get(failover.cause).push({...failover, index});
  });
  return [...causes].sort(([one], [other]) => one - other).map(([cause, all]) => {
    const sorted = all.filter(({disturbed}) => !disturbed).map(({duration}) => duration).sort((a, b) => a - b);
    return {cause, all, sorted, nDisturbed: all.length - sorted.length};
  });
}

class Distribution extends Chart {
  constructor(view, selection) {
    super('distribution', view);
    this.selection = selection;
    this.causes = failoversByCause();
    this.canvas.style.height = `${Math.max(this.causes.length, 1) * ROW_HEIGHT + AXIS_HEIGHT + 6}px`;
    const durations = failovers.map(({duration}) => Math.max(duration, 1e3));
    this.low = Math.log10(durations.reduce((a, b) => Math.min(a, b), 1e6)) - 0.1;
    this.high = Math.log10(durations.reduce((a, b) => Math.max(a, b), 1e7)) + 0.1;
    this.canvas.addEventListener('click', event => {
      const found = this.nearest(event.offsetX, event.offsetY);
      if (!found)
        return;
      selection.show(found.index);
      document.getElementById('timeline').scrollIntoView({block: 'nearest'});
    });
  }

  durationX(duration) {
    return this.plotLeft + (Math.log10(Math.max(duration, 1e3)) - this.low) / (this.high - this.low) * this.plotWidth;
  }

  // Spread over the row by its number, the same each time.
  dotY(row, index) {
    return row * ROW_HEIGHT + ROW_HEIGHT / 2 + 3 + ((index * 0.618034) % 1 - 0.5) * (ROW_HEIGHT - 12);
  }

  draw() {
    this.begin();
    this.drawDurationAxis();
    this.causes.forEach(({cause, all, sorted}, row) => {
      this.label(faultNames[cause], row * ROW_HEIGHT + ROW_HEIGHT / 2 + 3, color('ink'));
      this.context.strokeStyle = this.context.fillStyle = color('message');
      this.context.globalAlpha = 0.6;
      for (const failover of all) {
        this.context.beginPath();
        this.context.arc(this.durationX(failover.duration), this.dotY(row, failover.index), 2.5, 0, 2 * Math.PI);
        if (failover.disturbed)
          this.context.stroke();
        else
          this.context.fill();
      }
      this.context.globalAlpha = 1;
      if (sorted.length) {
        const x = this.durationX(quantile(sorted, 0.5));
        this.line(x - 1, row * ROW_HEIGHT + 6, x + 1, (row + 1) * ROW_HEIGHT, color('ink'));
      }
    });
  }

  drawDurationAxis() {
    const y = this.plotHeight;
    for (let decade = Math.floor(this.low); decade <= this.high; decade++) {
      for (const digit of [1, 2, 5]) {
        const x = this.durationX(digit * 10 ** decade);
        if (x < this.plotLeft || x > this.plotLeft + this.plotWidth)
          continue;
        this.line(x, 0, x + 1, y, color(digit === 1 ? 'line' : 'grid'));
        if (digit === 1 || this.plotWidth / (this.high - this.low) > 160)
          this.text(formatDuration(digit * 10 ** decade).replace(/\.0+(?= )/, ''), x, y + 11,
                    x > this.plotLeft + this.plotWidth - 20 ? 'right' : 'center', color('muted'));
      }
    }
  }

  nearest(x, y) {
    const row = Math.floor(y / ROW_HEIGHT);
    const near = (this.causes[row]?.all ?? []).map(failover =>
      ({failover, away: Math.hypot(this.durationX(failover.duration) - x, this.dotY(row, failover.index) - y)}));
    return near.filter(({away}) => away < 8).sort((one, other) => one.away - other.away)[0]?.failover;
  }
}
