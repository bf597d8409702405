// SPDX-License-Identifier: LGPL-2.1-or-later
// Which process was master when, and what was done to whom. The master of the newest epoch is in the first row. Who was
// replaced and has not noticed yet, because it stood still, goes on in the second. Below, one row for each kind of fault.

const MASTER_HEIGHT = 24;
const FAULT_HEIGHT = 18;
const N_MASTER_COLORS = 6;
const DOT_ROOM = 6; // pixels for each dot; where there is less, they are lines

// Until when each was the newest.
function findReplaced(masterships) {
  let next = Infinity;
  for (const mastership of [...masterships].sort((one, other) => other.epoch - one.epoch)) {
    mastership.replaced = Math.max(Math.min(mastership.end, next), mastership.since);
    next = Math.min(next, mastership.since);
  }
}

// In the order in which they came to be master, so that neighbours differ.
function assignColors(masterships) {
  const ofNode = new Map();
  for (const mastership of masterships) {
    if (!ofNode.has(mastership.node))
      ofNode.set(mastership.node, ofNode.size % N_MASTER_COLORS);
    mastership.color = ofNode.get(mastership.node);
  }
}

function describeMastership(mastership) {
  return `node ${mastership.node} is master for ${formatDuration(mastership.end - mastership.since)}\n`
    + `epoch ${epochName(mastership.epoch)}, from ${formatTime(mastership.since)} to ${formatTime(mastership.end)}`
    + (mastership.end > mastership.replaced ? `\nreplaced ${formatDuration(mastership.end - mastership.replaced)} before it noticed` : '');
}

function describeIncident(incident) {
  const effect = incident.effective === null ? 'without effect'
    : incident.effective === incident.at ? 'effective' : `effective after ${formatDuration(incident.effective - incident.at)}`;
  const until = incident.until === null ? '' : `\nfor ${formatDuration(incident.until - incident.at)}`;
  return `${faultNames[incident.fault]}: ${effect}\nnode ${incident.node}, at ${formatTime(incident.at)}${until}`;
}

function endOf(incident) {
  return incident.until ?? incident.effective ?? incident.at;
}

class Strip extends Chart {
  constructor(view) {
    super('strip', view);
    findReplaced(masterships);
    this.nLanes = masterships.some(({replaced, end}) => end > replaced) ? 2 : 1;
    assignColors(masterships);
    this.faults = [...new Set(incidents.map(incident => incident.fault))].sort((one, other) => one - other);
    this.incidentsOf = new Map(this.faults.map(fault => [fault, incidents.filter(incident => incident.fault === fault)]));
    this.canvas.style.height = `${this.nLanes * MASTER_HEIGHT + 6 + this.faults.length * FAULT_HEIGHT + AXIS_HEIGHT}px`;
  }

  faultY(row) {
    return this.nLanes * MASTER_HEIGHT + 6 + row * FAULT_HEIGHT;
  }

  draw() {
    this.begin();
    this.clipToPlot(() => {
      this.drawBands(this.plotHeight);
      for (const mastership of masterships) {
        this.drawMastership(mastership, mastership.since, mastership.replaced, 0);
        if (mastership.end > mastership.replaced)
          this.drawMastership(mastership, mastership.replaced, mastership.end, 1);
      }
    });
    this.label('master', MASTER_HEIGHT / 2, color('ink'));
    if (this.nLanes > 1)
      this.label('replaced', 1.5 * MASTER_HEIGHT, color('muted'));
    this.faults.forEach((fault, row) => this.drawFaultRow(fault, row));
    this.drawTimeAxis();
  }

  drawMastership(mastership, from, to, lane) {
    if (to < this.view.from || from > this.view.to)
      return;
    const left = Math.max(this.x(from), this.plotLeft);
    const right = Math.min(this.x(to), this.plotLeft + this.plotWidth);
    const y = lane * MASTER_HEIGHT;
    const name = right - left > 64 ? `node ${mastership.node}` : String(mastership.node);
    this.line(left, y + 2, right, y + MASTER_HEIGHT - 2, color(`master-${mastership.color}`));
    if (right - left > this.context.measureText(name).width + 6)
      this.text(name, (left + right) / 2, y + MASTER_HEIGHT / 2 + 0.5, 'center', color('on-master'));
  }

  drawFaultRow(fault, row) {
    const y = this.faultY(row);
    this.line(this.plotLeft, y, this.plotLeft + this.plotWidth, y + 1, color('grid'));
    this.label(faultNames[fault], y + FAULT_HEIGHT / 2 + 1, color('ink'));
    const shown = this.incidentsOf.get(fault).filter(incident =>
      endOf(incident) >= this.view.from && incident.at <= this.view.to);
    const dense = shown.length * DOT_ROOM > this.plotWidth;
    this.clipToPlot(() => shown.forEach(incident => this.drawIncident(incident, y, dense)));
  }

  drawIncident(incident, y, dense) {
    const x = this.x(incident.at), end = endOf(incident);
    const middle = y + FAULT_HEIGHT / 2 + 1;
    const paint = color(incident.effective === null ? 'muted' : 'bad');
    if (dense) {
      this.context.globalAlpha = 0.6;
      this.line(x, middle - 5, x + 1, middle + 5, paint);
      this.context.globalAlpha = 1;
      return;
    }
    if (this.x(end) - x > 3)
      this.line(x, middle - 1, this.x(end), middle + 1, paint);
    this.context.beginPath();
    this.context.arc(x, middle, 3.5, 0, 2 * Math.PI);
    this.context.fillStyle = incident.effective === null ? color('surface') : paint;
    this.context.strokeStyle = paint;
    this.context.fill();
    this.context.stroke();
  }

  describe(x, y) {
    const time = this.timeAt(x);
    if (y < this.nLanes * MASTER_HEIGHT) {
      const found = masterships.find(y < MASTER_HEIGHT ? ({since, replaced}) => since <= time && replaced >= time
        : ({replaced, end}) => replaced <= time && end > time);
      return found ? describeMastership(found) : y < MASTER_HEIGHT ? 'no master' : null;
    }
    const fault = this.faults[Math.floor((y - this.faultY(0)) / FAULT_HEIGHT)];
    const near = (this.incidentsOf.get(fault) ?? []).filter(incident => Math.abs(this.x(incident.at) - x) < 6);
    return near.length ? describeIncident(near[0]) + (near.length > 1 ? `\nand ${near.length - 1} more here` : '') : null;
  }
}

// The whole run in a few pixels, with the part that is shown. A drag over it shows another part.
class Overview extends Chart {
  constructor(view) {
    super('overview', view);
    this.canvas.addEventListener('pointerdown', event => {
      this.canvas.setPointerCapture(event.pointerId);
      this.anchor = this.wholeTimeAt(event.offsetX);
    });
    this.canvas.addEventListener('pointermove', event => {
      const time = this.wholeTimeAt(event.offsetX);
      if (this.anchor !== undefined && time !== this.anchor)
        view.show(Math.min(time, this.anchor), Math.max(time, this.anchor));
    });
    this.canvas.addEventListener('pointerup', event => {
      const time = this.wholeTimeAt(event.offsetX);
      if (time === this.anchor)
        view.show(time - view.span / 2, time + view.span / 2);
      this.anchor = undefined;
    });
    this.canvas.addEventListener('pointercancel', () => { this.anchor = undefined; });
  }

  wholeX(time) {
    return this.plotLeft + (time - this.view.min) / (this.view.max - this.view.min) * this.plotWidth;
  }

  wholeTimeAt(x) {
    const share = Math.min(Math.max((x - this.plotLeft) / this.plotWidth, 0), 1);
    return this.view.min + share * (this.view.max - this.view.min);
  }

  draw() {
    this.begin();
    for (const mastership of masterships)
      this.line(this.wholeX(mastership.since), 8, this.wholeX(mastership.replaced), this.height - 6, color(`master-${mastership.color}`));
    for (const failover of failovers)
      this.line(this.wholeX(failover.lost), 0, this.wholeX(failover.answered), 4, color('bad'));
    const left = this.wholeX(this.view.from), right = Math.max(this.wholeX(this.view.to), left + 3);
    this.context.globalAlpha = 0.75;
    this.line(this.plotLeft, 0, left, this.height, color('surface'));
    this.line(right, 0, this.plotLeft + this.plotWidth, this.height, color('surface'));
    this.context.globalAlpha = 1;
    this.context.strokeStyle = color('accent');
    this.context.strokeRect(left + 0.5, 0.5, Math.max(right - left - 1, 2), this.height - 1);
    this.label('whole run', this.height / 2, color('muted'));
  }
}
