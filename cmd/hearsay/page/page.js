// The page of `hearsay dev`: looks at the cluster again and again, and has the
// parts of the page draw it.

import { byID, plural, say } from "./draw.js";
import * as links from "./links.js";
import * as race from "./race.js";
import { drawNodes } from "./nodes.js";

const every = 500; // ms

let seen = null; // when the cluster last answered

async function refresh() {
  const cluster = await look();
  if (!cluster) return;
  drawHeader(cluster);
  race.drawRace(cluster);
  links.drawLinks(cluster);
  drawNodes(cluster);
}

async function look() {
  try {
    const cluster = await (await fetch("/v1/cluster")).json();
    seen = new Date();
    return cluster;
  } catch {
    const since = seen ? ` since ${seen.toLocaleTimeString()}` : "";
    drawState(`No answer from the cluster${since}. Is hearsay dev still running?`, true);
    return null;
  }
}

function drawState(text, bad) {
  const state = byID("state");
  state.className = bad ? "bad" : "";
  say(state, text);
}

function drawHeader({ regions, links }) {
  const nodes = regions.flatMap((r) => r.nodes);
  const up = nodes.filter((n) => n.ready).length;
  const cut = links.filter((l) => l.cut).length;
  drawState(`${up} of ${plural(nodes.length, "node")} up, ${cut ? `${plural(cut, "direction")} cut` : "nothing cut"}`,
    up < nodes.length);
  const delayed = links.some((l) => l.delay_ms > 0);
  say(byID("what"), `A key-value store of ${plural(nodes.length, "node")} in ${plural(regions.length, "region")}, all on this machine; ` +
    `${delayed ? "the" : "no"} distances between regions are emulated.`);
}

async function clock() {
  if (!document.hidden) await refresh();
  setTimeout(clock, every);
}

race.start();
links.start(refresh);
clock();
