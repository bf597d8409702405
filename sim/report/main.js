// SPDX-License-Identifier: LGPL-2.1-or-later
// Puts the page together.

const view = new View(runFrom, runTo);
const selection = new Selection(view);
const tip = document.getElementById('tip');
const timeline = document.getElementById('timeline');

// What happened from one time to another, with what was around it.
function show(from, to) {
  const around = Math.max((to - from) / 4, 5e6); // ns
  view.reference = from;
  view.referenceName = 'since the first';
  view.show(from - around, to + around);
  timeline.scrollIntoView({block: 'nearest'});
}

fillHeader(show);
fillKeyFigures();
fillQuantiles();
fillFaults();
fillPoints();
fillInvariants(show);
fillThinned();
fillCommand();

const overview = new Overview(view);
const timed = [new Strip(view), new Latency(view, selection), new Rate(view)];
const distribution = new Distribution(view, selection);
fillCauses(distribution.causes);
fillFailovers(selection);

legend('strip-legend', [
  ['background: var(--bad); border-radius: 50%', 'fault that had an effect'],
  ['border: 1px solid var(--muted); border-radius: 50%', 'had none'],
  ['background: var(--band)', 'until somebody is answered again']]);
legend('latency-legend', [
  ['background: var(--message)', 'answered'],
  ['background: var(--bad)', 'failed, or unknown']]);
legend('rate-legend', [
  ['background: var(--message)', 'answered'],
  ['background: var(--bad)', `failed; counted in slices of ${formatDuration((runTo - runFrom) / slices.length)}`]]);

function describeRange() {
  timeline.dataset.from = view.from;
  timeline.dataset.to = view.to;
  document.getElementById('range').textContent = view.isWhole ? `whole run, ${formatDuration(view.span)}`
    : `${formatDuration(view.span)} from ${formatTime(view.from, Math.max(view.span / 100, 1))}`;
}

// At most once a frame, however fast the wheel turns.
let requested = false;
function redraw() {
  if (requested)
    return;
  requested = true;
  requestAnimationFrame(() => {
    requested = false;
    describeRange();
    [overview, ...timed].forEach(chart => chart.draw());
  });
}

function redrawAll() {
  colors.clear();
  distribution.draw();
  redraw();
}

view.onChange(redraw);
for (const chart of timed) {
  attachGestures(chart, view);
  attachTip(chart, tip);
}
attachKeys(timeline, view, {next: () => selection.step(1), previous: () => selection.step(-1)});

const buttons = {
  next: () => selection.step(1),
  previous: () => selection.step(-1),
  slowest: () => selection.showSlowest(),
  'zoom-in': () => view.zoom((view.from + view.to) / 2, 0.5),
  'zoom-out': () => view.zoom((view.from + view.to) / 2, 2),
  whole: () => view.showAll(),
};
for (const [id, act] of Object.entries(buttons))
  document.getElementById(id).addEventListener('click', act);
for (const id of ['next', 'previous', 'slowest'])
  document.getElementById(id).disabled = failovers.length === 0;

new ResizeObserver(redrawAll).observe(timeline);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
redrawAll();
