// The regions, their nodes, and how far each is behind.

import { byID, el, onChange, plural, say } from "./draw.js";
import { cutOff } from "./links.js";

const cards = new Map(); // by region, or node
const build = onChange((shape) => {
  cards.clear();
  byID("regions").replaceChildren(...shape.map(([region, nodes]) => {
    const button = el("button", { type: "button", hidden: shape.length < 2 });
    cards.set(region, button);
    return el("article", {},
      el("div", { className: "head" }, el("h3", { textContent: region }), button),
      el("ul", {}, ...nodes.map(buildNode)));
  }));
});

function buildNode([id, api]) {
  const card = { row: el("li"), state: el("span", { className: "state" }), more: el("small") };
  cards.set(id, card);
  card.row.append(
    el("b", { textContent: id }), card.state, card.more,
    el("small", {}, el("code", { textContent: new URL(api).host }), " ",
      el("a", { href: `/nodes/${id}/admin/v1/status`, textContent: "status", ariaLabel: `status of ${id}` }), " ",
      el("a", { href: `/nodes/${id}/metrics`, textContent: "metrics", ariaLabel: `metrics of ${id}` })));
  return card.row;
}

export function drawNodes({ regions, links }) {
  build(regions.map((r) => [r.name, r.nodes.map((n) => [n.id, n.api])]));
  for (const r of regions) {
    const ways = links.filter((l) => l.from === r.name || l.to === r.name);
    const apart = ways.every((l) => l.cut);
    const button = cards.get(r.name);
    say(button, apart ? "Heal" : "Cut off");
    button.ariaLabel = apart ? `Heal ${r.name}` : `Cut off ${r.name}`;
    button.onclick = () => cutOff(ways, apart ? "heal" : "cut");
    for (const n of r.nodes) drawNode(n);
  }
}

function drawNode(n) {
  const { row, state, more } = cards.get(n.id);
  row.className = !n.ready ? "down" : n.behind ? "behind" : "";
  say(state, !n.ready ? "down" : n.behind ? `${n.behind} behind` : "up to date");
  const lines = (n.lag ?? []).map((l) => `${l.entries} of ${l.origin}`);
  if (n.connected < n.peers) lines.push(`connected to ${n.connected} of ${plural(n.peers, "other")}`);
  say(more, n.ready ? lines.join(", ") : n.why);
}
