// SPDX-License-Identifier: LGPL-2.1-or-later
// How long each message took, and how many there were. What is kept one by one is drawn so, over the cells in which the
// rest is counted. Close enough, a message is a line from when it was sent to when it was answered.

const LINES_SPAN = 100e6; // ns: below this, lines tell more than dots

class Latency extends Chart {
  constructor(view, selection) {
    super('latency', view);
    this.selection = selection;
    const longest = messages.reduce((longest, message) => Math.max(longest, message.took), 1e6);
    const shortest = messages.reduce((shortest, message) => Math.min(shortest, message.took), 1e6);
    this.low = Math.floor(Math.log10(Math.max(shortest, 1e3)));
    this.high = Math.max(Math.ceil(Math.log10(longest)), this.low + 1);
    this.longest = longest;
  }

  get top() {
    return 8;
  }

  y(took) {
    const share = (Math.log10(Math.max(took, 1e3)) - this.low) / (this.high - this.low);
    return this.plotHeight - Math.max(share, 0) * (this.plotHeight - this.top);
  }

  draw() {
    this.begin();
    this.drawScale();
    this.clipToPlot(() => {
      this.drawBands(this.plotHeight);
      this.drawCells();
      this.drawMessages();
      this.drawSteps();
    });
    this.drawTimeAxis();
  }

  drawScale() {
    for (let decade = this.low; decade <= this.high; decade++) {
      const y = this.y(10 ** decade);
      this.line(this.plotLeft, y, this.plotLeft + this.plotWidth, y + 1, color('grid'));
      this.label(formatDuration(10 ** decade), Math.max(y, 7), color('muted'));
    }
  }

  drawCells() {
    const width = (runTo - runFrom) / data.cell_columns;
    const most = Math.log(1 + cells.reduce((most, cell) => Math.max(most, cell.count), 1));
    const rows = data.cell_rows_per_decade;
    // Close by, a cell says little about when.
    const fade = Math.max(0.15, Math.min(1, 6 / (width / this.view.span * this.plotWidth)));
    this.context.fillStyle = color('message');
    for (const cell of cells) {
      const from = runFrom + cell.column * width;
      if (from > this.view.to || from + width < this.view.from)
        continue;
      const top = this.y(1e3 * 10 ** ((cell.row + 1) / rows)), bottom = this.y(1e3 * 10 ** (cell.row / rows));
      this.context.globalAlpha = (0.12 + 0.68 * Math.log(1 + cell.count) / most) * fade;
      this.context.fillRect(this.x(from), top, Math.max(this.x(from + width) - this.x(from), 1), bottom - top);
    }
    this.context.globalAlpha = 1;
  }

  get visible() {
    return messages.slice(lowerBound(messages, this.view.from - this.longest, message => message.sent),
                          lowerBound(messages, this.view.to, message => message.sent));
  }

  drawMessages() {
    const asLines = this.view.span < LINES_SPAN;
    for (const failed of [false, true]) {
      this.context.fillStyle = color(failed ? 'bad' : 'message');
      this.context.globalAlpha = failed ? 1 : 0.6;
      for (const message of this.visible) {
        if ((message.code !== 0) !== failed)
          continue;
        const x = this.x(message.sent), y = this.y(message.took), size = failed ? 4 : 2;
        if (asLines)
          this.context.fillRect(x, y - 0.5, Math.max(this.x(message.sent + message.took) - x, 1), 1);
        this.context.fillRect((asLines ? this.x(message.sent + message.took) : x) - size / 2, y - size / 2, size, size);
      }
    }
    this.context.globalAlpha = 1;
  }

  // Of the chosen fail-over, when it is large enough to be told apart.
  drawSteps() {
    const failover = this.selection.current;
    if (failover === null || this.view.span > 60 * failover.duration)
      return;
    const rightOf = [];
    const steps = stepsOf(failover);
    steps.forEach(({at}) => this.line(this.x(at), 0, this.x(at) + 1, this.plotHeight, color('ink')));
    for (const {name, at} of steps) {
      const x = this.x(at);
      const text = at === failover.lost ? name : `${name} +${formatDuration(at - failover.lost)}`;
      const width = this.context.measureText(text).width + 10;
      const left = Math.min(x + 4, this.plotLeft + this.plotWidth - width);
      let row = rightOf.findIndex(right => right < left);
      if (row < 0)
        row = rightOf.length;
      rightOf[row] = left + width;
      this.context.globalAlpha = 0.9;
      this.line(left, row * 16 + 1, left + width - 6, row * 16 + 16, color('surface'));
      this.context.globalAlpha = 1;
      this.text(text, left + 3, row * 16 + 9, 'left', color('ink'));
    }
  }

  describe(x, y) {
    let best = null, distance = 8;
    for (const message of this.visible) {
      const end = this.view.span < LINES_SPAN ? this.x(message.sent + message.took) : this.x(message.sent);
      const start = this.x(message.sent);
      const away = Math.max(start - x, x - end, 0) + Math.abs(this.y(message.took) - y);
      if (away < distance)
        [best, distance] = [message, away];
    }
    if (best === null)
      return null;
    const master = masteryOfEpoch.get(best.epoch);
    const end = best.code !== 0 ? `failed (code ${best.code})` : `answered${master ? ` by node ${master.node}` : ''}`;
    return `message ${best.sender}/${best.number}\n${end} after ${formatDuration(best.took)}\nsent at ${formatTime(best.sent)}`;
  }
}

class Rate extends Chart {
  constructor(view) {
    super('rate', view);
    this.seconds = (runTo - runFrom) / slices.length / 1e9;
    this.most = niceStep(slices.reduce((most, slice) => Math.max(most, slice.answered, slice.failed), 1) / this.seconds);
  }

  // As many slices to a bar as a pixel needs.
  get perBar() {
    return Math.max(1, Math.ceil(this.view.span / (runTo - runFrom) * slices.length / this.plotWidth));
  }

  barAt(first, key) {
    const bar = slices.slice(first, first + this.perBar);
    return bar.reduce((sum, slice) => sum + slice[key], 0) / (bar.length * this.seconds);
  }

  draw() {
    const width = (runTo - runFrom) / slices.length;
    this.begin();
    for (const share of [0.5, 1]) {
      const y = this.plotHeight - share * (this.plotHeight - 8);
      this.line(this.plotLeft, y, this.plotLeft + this.plotWidth, y + 1, color('grid'));
      this.label(`${formatCount(Math.round(this.most * share))} /s`, y, color('muted'));
    }
    this.clipToPlot(() => {
      for (let first = 0; first < slices.length; first += this.perBar) {
        const left = Math.round(this.x(runFrom + first * width));
        const right = Math.round(this.x(runFrom + (first + this.perBar) * width));
        if (right < this.plotLeft || left > this.plotLeft + this.plotWidth)
          continue;
        for (const [key, paint] of [['answered', 'message'], ['failed', 'bad']]) {
          const height = this.barAt(first, key) / this.most * (this.plotHeight - 8);
          if (height > 0)
            this.line(left, this.plotHeight - height, right, this.plotHeight, color(paint));
        }
      }
      this.drawBands(this.plotHeight);
    });
    this.drawTimeAxis();
  }

  describe(x) {
    const width = (runTo - runFrom) / slices.length;
    const first = Math.floor((this.timeAt(x) - runFrom) / width / this.perBar) * this.perBar;
    if (first < 0 || first >= slices.length)
      return null;
    const [sent, answered, failed] = ['sent', 'answered', 'failed'].map(key => formatCount(Math.round(this.barAt(first, key))));
    return `${answered} answered a second\n${sent} sent, ${failed} failed\nover ${formatDuration(width * this.perBar)}`;
  }
}
