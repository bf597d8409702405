// SPDX-License-Identifier: LGPL-2.1-or-later
// The data of the page, and what the columns of their rows mean. sim-page.c writes them in this order.

const data = JSON.parse(document.getElementById('data').textContent);
const report = data.report;
const [runFrom, runTo] = data.span;
const faultNames = report.faults.map(fault => fault.name);

const masterships = data.masterships.rows.map(
  ([epoch, node, since, end, lost, stopped, resigning, handled, responded, answered]) =>
    ({epoch, node, since, end: end ?? runTo, lost, stopped, resigning, handled, responded, answered}));

const failovers = data.failovers.rows.map(([cause, disturbed, lost, fromEpoch, toEpoch, answered]) =>
  ({cause, disturbed: disturbed === 1, lost, fromEpoch, toEpoch, answered, duration: answered - lost}));
failovers.sort((one, other) => one.lost - other.lost);

const incidents = data.incidents.rows.map(([fault, node, at, effective, until]) => ({fault, node, at, effective, until}));

const messages = data.messages.rows.map(([sent, took, sender, number, epoch, code]) =>
  ({sent, took, sender, number, epoch, code}));
const cells = data.cells.rows.map(([column, row, count]) => ({column, row, count}));
const slices = data.slices.rows.map(([sent, answered, failed]) => ({sent, answered, failed}));

const masteryOfEpoch = new Map(masterships.map(mastership => [mastership.epoch, mastership]));

function epochName(epoch) {
  return String(data.first_epoch + epoch);
}

// Of some numbers in order: the smallest that at least this share of them do not exceed.
function quantile(sorted, share) {
  return sorted[Math.max(Math.ceil(sorted.length * share - 1e-9), 1) - 1];
}

// The first index of which the value is not less.
function lowerBound(items, value, key) {
  let low = 0, high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(items[middle]) < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}
