// SPDX-License-Identifier: LGPL-2.1-or-later
// What the report says in words and figures.

const FAILOVER_ROWS = 500; // in the table of fail-overs: more is not read

// A column is [title, cell(row), class]; a cell that is no string is put in as it is.
function table(caption, columns, rows, classOf = () => '') {
  const head = element('tr', {}, ...columns.map(([title, , kind = '']) => element('th', {scope: 'col', class: kind}, title)));
  const body = rows.map(row => element('tr', {class: classOf(row)}, ...columns.map(([, cell, kind = ''], i) =>
    element(i === 0 ? 'th' : 'td', i === 0 ? {scope: 'row', class: kind} : {class: kind}, cell(row)))));
  return element('table', {}, element('caption', {}, element('span', {}, caption)), element('thead', {}, head), element('tbody', {}, ...body));
}

function verdictText() {
  const broken = report.invariants.filter(({held}) => !held).length;
  if (report.verdict === 'broken')
    return `${broken} of ${plural(report.invariants.length, 'promise')} broke`;
  return report.verdict === 'held' ? 'All promises held' : 'Too little happened';
}

function examplesOf(invariant) {
  return invariant.examples ?? (invariant.example === null ? [] : [invariant.example]);
}

// A counter-example names times, as in "node 3 at +1.031246 s handled": the first and the last are where to look.
function exampleElement(example, show) {
  const times = [...example.matchAll(/ at ([+-]\d+\.\d+) s /g)].map(([, seconds]) => seconds * 1e9);
  const made = element('div', {class: 'mono example'}, example);
  if (times.length)
    made.append(' ', element('button', {type: 'button', 'aria-label': 'Show this counter-example', onclick: () =>
      show(Math.min(...times), Math.max(...times))}, 'show'));
  return made;
}

function fillHeader(show) {
  const verdict = document.getElementById('verdict');
  verdict.textContent = verdictText();
  verdict.className = report.verdict;
  document.title = `${verdictText()} — ipc-sim, seed ${report.seed}`;
  document.getElementById('run').textContent = `ipc-sim · seed ${report.seed} · ${report.nodes} nodes, `
    + `${report.candidates} candidates · ${formatDigits(report.duration_s)} s · ${plural(data.processes, 'process', 'processes')}`;
  document.getElementById('conclusion').textContent =
    report.conclusion.replace(/^(All promises held|Something broke|Too little happened)\. ?/, '').replace(/^Too little happened: /, '');

  const broken = document.getElementById('broken');
  broken.replaceChildren(...report.invariants.filter(({held}) => !held).map(invariant =>
    element('li', {}, element('strong', {}, invariant.name), ` ${invariant.promise}: broke ${plural(invariant.broken, 'time')} `
      + `of ${formatCount(invariant.checked)}.`,
      ...examplesOf(invariant).map(example => exampleElement(example, show)))));
  broken.hidden = report.verdict !== 'broken';
}

function fillKeyFigures() {
  const median = report.failover_us;
  const figures = [
    ['Masters killed', formatCount(report.kills), `${formatCount(report.kills_in_flight)} with messages in flight`],
    ['Fail-over, median', median.count ? formatDuration(median.p50 * 1e3) : '–',
     median.count ? `99 %: ${formatDuration(median.p99 * 1e3)}; plain kills` : 'no plain kill'],
    ['Messages', formatCount(report.sent), `${formatCount(report.answered)} answered`],
    ['Lost', formatCount(report.lost), `${formatCount(report.redelivered)} redelivered, marked`],
    ['Outcome unknown', formatCount(report.unknown), 'sent at most once'],
    ['Epochs', formatCount(report.epochs), `${plural(report.deposed, 'master')} deposed`],
  ];
  document.getElementById('key-figures').replaceChildren(...figures.map(([name, value, more]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, value, element('small', {}, more)))));
}

function fillQuantiles() {
  const rows = [['in flight when a fail-over ended', data.latency_waited], ['all others', data.latency_others]];
  const columns = [['50 %', 0], ['90 %', 1], ['99 %', 2], ['99.9 %', 3], ['longest', 4]];
  document.getElementById('quantiles').replaceChildren(table(
    `From the call to the answer, ${plural(data.latency_waited.total + data.latency_others.total, 'message')}.`,
    [['messages', ([name]) => name], ['count', ([, {total}]) => formatCount(total), 'number'],
     ...columns.map(([title, i]) => [title, ([, {rows}]) => rows.length ? formatDuration(rows[i]) : '–', 'number'])],
    rows));
}

function fillCauses(causes) {
  const at = share => ({sorted}) => sorted.length ? formatDuration(quantile(sorted, share)) : '–';
  document.getElementById('causes').replaceChildren(table(
    'The quantiles are those of the fail-overs that nothing else disturbed.',
    [['cause', ({cause}) => faultNames[cause]],
     ['fail-overs', ({all}) => formatCount(all.length), 'number'],
     ['disturbed', ({nDisturbed}) => formatCount(nDisturbed), 'number'],
     ['50 %', at(0.5), 'number'], ['90 %', at(0.9), 'number'], ['99 %', at(0.99), 'number'], ['longest', at(1), 'number']],
    causes));
}

function fillFailovers(selection) {
  const details = document.getElementById('all-failovers');
  const order = failovers.map((failover, index) => ({...failover, index}))
    .sort((one, other) => other.duration - one.duration).slice(0, FAILOVER_ROWS);
  const step = name => failover => {
    const found = stepsOf(failover).find(step => step.name === name);
    return found ? `+${formatDuration(found.at - failover.lost)}` : '–';
  };
  const go = ({index}) => element('button', {type: 'button', 'aria-label': `Show fail-over ${index + 1}`, onclick: () => {
    selection.show(index);
    document.getElementById('timeline').scrollIntoView({block: 'nearest'});
  }}, 'show');
  details.querySelector('summary').textContent = order.length < failovers.length
    ? `The ${order.length} slowest of ${plural(failovers.length, 'fail-over')}, as a table`
    : `All ${plural(failovers.length, 'fail-over')}, as a table`;
  details.addEventListener('toggle', () => details.querySelector('div').replaceChildren(table(
    'The slowest first.',
    [['at', ({lost}) => formatTime(lost), 'number'], ['cause', causeName], ['elected', step('elected'), 'number'],
     ['first handled', step('handles'), 'number'], ['first answer', ({duration}) => `+${formatDuration(duration)}`, 'number'],
     ['', go]],
    order)), {once: true});
}

function fillFaults() {
  const used = report.faults.filter(({planned, injected, effective}) => planned + injected + effective > 0);
  const unused = report.faults.filter(fault => !used.includes(fault)).map(({name}) => name);
  document.getElementById('faults').replaceChildren(table(
    unused.length ? `Not part of this run: ${unused.join(', ')}.` : 'Every fault that there is was part of this run.',
    [['fault', ({name}) => name], ['planned', ({planned}) => formatCount(planned), 'number'],
     ['injected', ({injected}) => formatCount(injected), 'number'],
     ['effective', ({effective}) => effective ? formatCount(effective) : 'none', 'number'],
     ['what is done', ({summary}) => summary]],
    used));
}

function fillPoints() {
  const planned = report.faults.some(fault => fault.name === 'kill-at' && fault.planned > 0);
  document.getElementById('points').hidden = !planned;
  document.getElementById('points-note').textContent = planned
    ? 'How many processes died at each step. Those that nobody died at are marked as missed: this run says nothing about them.'
    : 'The fault kill-at was not part of this run, so no process was told to die at one.';
  document.getElementById('points').replaceChildren(...Object.entries(report.kill_points).map(([name, count]) =>
    element('li', {class: count ? 'hit' : 'missed'}, element('span', {}, name),
            element('span', {}, count ? formatCount(count) : 'missed'))));
}

function fillInvariants(show) {
  const examples = invariant => examplesOf(invariant).map(example => exampleElement(example, show));
  const order = [...report.invariants].sort((one, other) => one.held - other.held);
  const promise = invariant => {
    const cell = document.createDocumentFragment();
    cell.append(invariant.promise, ...examples(invariant));
    return cell;
  };
  document.getElementById('invariants').replaceChildren(table(
    `${plural(report.invariants.length, 'promise')}, each checked from the records of all processes.`,
    [['promise', ({name}) => name],
     ['', ({held, checked}) => !held ? 'broke' : checked ? 'held' : 'never checked', 'state'],
     ['checked', ({checked}) => formatCount(checked), 'number'],
     ['broke', ({broken}) => formatCount(broken), 'number n-broken'],
     ['what it says', promise, 'promise']],
    order, ({held, checked}) => held ? checked ? 'held' : 'unchecked' : 'broken'));
}

function fillThinned() {
  const notes = [];
  const thinned = (rows, what, which) => {
    if (rows.rows.length < rows.total)
      notes.push(`Of ${formatCount(rows.total)} ${what}, ${formatCount(rows.rows.length)} are drawn: ${which}.`);
  };
  thinned(data.messages, 'messages', `all the others are counted in the cells behind them. One by one are those that failed, `
    + `the ${formatCount(data.slowest_of_all)} slowest, and the ${data.slowest_per_slice} slowest of each of `
    + `${formatCount(data.slices_of_slowest)} slices of time`);
  thinned(data.masterships, 'masterships', 'the longest');
  thinned(data.failovers, 'fail-overs', 'the slowest; the quantiles by cause on this page are those of the ones that are drawn');
  thinned(data.incidents, 'faults', 'one in so many, by turns');
  document.getElementById('thinned').textContent = notes.join(' ')
    || `All ${plural(data.messages.total, 'message')}, ${plural(failovers.length, 'fail-over')} and ${plural(incidents.length, 'fault')} are drawn.`;
}

function fillCommand() {
  const button = document.getElementById('copy');
  document.getElementById('command').textContent = report.command;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(report.command);
    } catch {
      // A page from a file may not be allowed to: then select it and copy that.
      getSelection().selectAllChildren(document.getElementById('command'));
      document.execCommand('copy');
    }
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
}
