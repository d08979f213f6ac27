// A put, and when each region shows it.

import { byID, el, onChange, plural, say, send, span } from "./draw.js";

const slower = 8; // times, to be seen
const longestRun = 500; // in ms; what took longer was waited for, and is drawn at once

const form = byID("put");
const region = form.elements.region;

let cluster; // as it was last seen
let rows = new Map(); // by region
let race = null; // the put that is shown: its region, arrivals, and whether it is over
let stop = new AbortController(); // ends the following of it

export function start() {
  form.onsubmit = (event) => {
    event.preventDefault();
    put(Object.fromEntries(new FormData(form)));
  };
  region.onchange = () => {
    stop.abort();
    race = null;
    build();
    tell("Nothing put yet.");
  };
}

// Lanes

const buildForm = onChange((names) => {
  region.replaceChildren(...names.map((n) => el("option", { textContent: n })));
  build();
});

export function drawRace(look) {
  cluster = look;
  buildForm(cluster.regions.map((r) => r.name));
  for (const r of cluster.regions) drawLane(r.name);
  drawAxis();
}

function build() {
  rows = new Map(cluster.regions.map((r) => [r.name, {
    item: el("li"), away: el("small"), lane: el("span", { className: "lane", ariaHidden: true }),
    way: el("i", { className: "way" }), bar: el("i", { className: "bar" }), time: el("span", { className: "time" }),
  }]));
  byID("race").replaceChildren(...[...rows].map(([name, r]) => {
    r.lane.append(r.bar, r.way);
    r.item.append(el("span", { className: "place" }, el("b", { textContent: name }), r.away), r.lane, r.time);
    return r.item;
  }));
  for (const name of rows.keys()) drawLane(name);
  drawAxis();
}

function drawLane(name) {
  const { item, away, way, bar, time } = rows.get(name);
  const link = cluster.links.find((l) => l.from === region.value && l.to === name);
  say(away, !link ? "put here" : link.cut ? "direct way cut" : `${link.delay_ms.toFixed(0)} ms away`);
  way.hidden = !link || link.cut;
  way.style.setProperty("--ms", link?.delay_ms ?? 0);
  item.classList.toggle("cut", Boolean(link?.cut));

  const nodes = cluster.regions.find((r) => r.name === name).nodes.map((n) => n.id);
  const times = nodes.map((n) => race?.shown.get(n)).filter((ms) => ms !== undefined);
  const waiting = race !== null && times.length < nodes.length;
  item.classList.toggle("waiting", waiting);
  bar.hidden = times.length === 0;
  if (!bar.hidden) bar.style.setProperty("--ms", Math.min(...times));
  say(time, race === null ? "" : timeText(times, nodes.length));
}

function timeText(times, nodes) {
  if (times.length === 0) return race.over ? "not yet" : "waiting …";
  if (times.length < nodes) return `${times.length} of ${nodes} nodes`;
  return span(Math.min(...times), Math.max(...times));
}

// drawAxis scales all lanes to the longest delay from here, or the last arrival.
function drawAxis() {
  const delays = cluster.links.filter((l) => l.from === region.value).map((l) => l.delay_ms);
  const scale = Math.max(10, ...delays.map((ms) => 1.2 * ms), ...(race?.shown.values().map((ms) => 1.05 * ms) ?? []));
  const power = 10 ** Math.floor(Math.log10(scale / 3));
  const step = power * [5, 2, 1].find((n) => n * power <= scale / 3);
  const spread = byID("spread");
  spread.style.setProperty("--scale", scale);
  spread.style.setProperty("--step", step);
  const marks = Array.from({ length: Math.floor(scale / step) + 1 }, (_, i) => i * step);
  byID("axis").replaceChildren(el("span", {}, ...marks.map((ms) => {
    const mark = el("i", { textContent: ms });
    mark.style.setProperty("--ms", ms);
    return mark;
  })), el("b", { textContent: "ms" }));
}

// The put

async function put(write) {
  stop.abort();
  stop = new AbortController();
  const { signal } = stop;
  race = null;
  build();
  try {
    const answer = await send("/v1/put", "POST", write, signal);
    if (!answer.ok) throw new Error(await answer.text());
    for await (const e of lines(answer.body)) {
      if (e.event === "error") throw new Error(e.message);
      happen(e);
    }
  } catch (e) {
    if (!signal.aborted) tell(`The put went wrong: ${e.message}`, true);
  }
}

function happen(e) {
  switch (e.event) {
    case "asked":
      race = { nodes: e.nodes, shown: new Map(), over: false };
      break;
    case "end":
      race.over = true;
      break;
    default:
      race.shown.set(e.node, e.ms);
      addDot(e);
  }
  for (const name of rows.keys()) drawLane(name);
  drawAxis();
  tell(outcome());
}

function addDot({ node, ms }) {
  const home = cluster.regions.find((r) => r.nodes.some((n) => n.id === node)).name;
  const { item, lane } = rows.get(home);
  const dot = el("i", { className: "dot" });
  dot.style.setProperty("--ms", ms);
  item.style.setProperty("--run", `${ms < longestRun ? slower * ms : 0}ms`);
  lane.append(dot);
}

function outcome() {
  const { nodes, shown, over } = race;
  if (shown.size === 0) return "";
  const acknowledged = `${nodes[0]} acknowledged it after ${span(shown.get(nodes[0]))}`;
  if (shown.size === nodes.length) {
    return `${acknowledged}; all ${plural(nodes.length, "node")} showed it after ${span(Math.max(...shown.values()))}.`;
  }
  const missing = nodes.filter((n) => !shown.has(n)).join(", ");
  return `${acknowledged}; ${shown.size} of ${nodes.length} nodes show it, ${over ? "no longer waiting" : "waiting"} for ${missing}.`;
}

// tell says the outcome once nothing has happened for a moment, so that nobody is
// read ten of them.
let pause;
function tell(text, bad = false) {
  clearTimeout(pause);
  pause = setTimeout(() => {
    byID("outcome").classList.toggle("bad", bad);
    say(byID("outcome"), text);
  }, text ? 150 : 0);
}

// lines yields the JSON values of a body with one a line.
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
  }
}
