// Elements, and what the parts of the page have in common.

export const byID = (id) => document.getElementById(id);

export function el(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}

// say changes what e says only if it is something else, so that a selection
// survives and a screen reader is not told twice.
export function say(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

// onChange returns a function that calls make when its argument is another than
// the last time, by value: what make draws keeps its focus meanwhile.
export function onChange(make) {
  let last;
  return (data) => {
    const now = JSON.stringify(data);
    if (now === last) return;
    last = now;
    make(data);
  };
}

export const plural = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

// span tells from first to last, in ms, rounded to what is measured.
export function span(first, last = first) {
  const [from, unit] = rounded(first);
  const [to, lastUnit] = rounded(last);
  if (unit !== lastUnit) return `${from} ${unit} – ${to} ${lastUnit}`;
  return from === to ? `${to} ${unit}` : `${from}–${to} ${unit}`;
}

function rounded(ms) {
  if (ms < 9.95) return [ms.toFixed(1), "ms"];
  if (ms < 999.5) return [ms.toFixed(0), "ms"];
  return [(ms / 1000).toFixed(2), "s"];
}

// send asks for something, with body as JSON if there is one, until signal.
export function send(path, method, body, signal) {
  const json = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return fetch(path, { method, signal, ...json });
}
