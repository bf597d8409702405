// SPDX-License-Identifier: LGPL-2.1-or-later
// Numbers and times for people. Times are in ns.

const THIN_SPACE = '\u2009';

function formatCount(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, THIN_SPACE);
}

// Three digits that count.
function formatDigits(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 || value === 0 ? 0 : size >= 9.995 ? 1 : 2);
}

function formatDuration(ns) {
  const size = Math.abs(ns);
  if (size < 999.5)
    return `${Math.round(ns)} ns`;
  if (size < 999.5e3)
    return `${formatDigits(ns / 1e3)} µs`;
  if (size < 999.5e6)
    return `${formatDigits(ns / 1e6)} ms`;
  return `${formatDigits(ns / 1e9)} s`;
}

// To the microsecond, for steps that follow one another closely.
function formatOffset(ns) {
  return Math.abs(ns) < 999.5e3 ? formatDuration(ns) : `${(ns / 1e6).toFixed(3)} ms`;
}

// A point in time, in seconds, as exact as the resolution that it is looked at with.
function formatTime(ns, resolution = 1e3) {
  const digits = Math.max(0, Math.min(9, Math.ceil(9 - Math.log10(resolution) - 1e-9)));
  const [whole, fraction] = (ns / 1e9).toFixed(digits).split('.');
  return (fraction ? `${whole}.${fraction.replace(/(\d{3})(?=\d)/g, `$1${THIN_SPACE}`)}` : whole) + ' s';
}

// 1, 2 or 5 times a power of ten, the first that is not less.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(n => n * power).find(step => step >= least * 0.999);
}

function plural(count, one, many = `${one}s`) {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

// An element of the page. Text goes in as text, so that nothing of a run is taken for markup.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on'))
      made.addEventListener(key.slice(2), value);
    else
      made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}
