// What lies between the regions: the delay of each direction, and its cut.

import { byID, el, onChange, say, send } from "./draw.js";

const rules = "/admin/v1/chaos/rules";

let refresh; // looks at the cluster at once
export function start(look) {
  refresh = look;
  byID("heal").onclick = () => change([["DELETE"]]);
}

const cells = new Map(); // by direction
const build = onChange((names) => {
  cells.clear();
  byID("between").hidden = names.length < 2;
  byID("links").replaceChildren(
    el("thead", {}, el("tr", {},
      el("th", { textContent: "from ↓ to →" }),
      ...names.map((n) => el("th", { scope: "col" }, el("span", { textContent: n }))))),
    el("tbody", {}, ...names.map((from) => el("tr", {},
      el("th", { scope: "row", textContent: from }),
      ...names.map((to) => el("td", {}, from === to ? "" : buildCell(from, to)))))));
});

function buildCell(from, to) {
  const button = el("button", { type: "button" });
  cells.set(`${from} ${to}`, button);
  return button;
}

export function drawLinks({ regions, links }) {
  build(regions.map((r) => r.name));
  const longest = Math.max(1, ...links.map((l) => l.delay_ms));
  for (const link of links) {
    const button = cells.get(`${link.from} ${link.to}`);
    say(button, link.cut ? "cut" : link.delay_ms.toFixed(0));
    button.style.setProperty("--far", `${(100 * link.delay_ms) / longest}%`);
    button.ariaPressed = link.cut;
    button.ariaLabel = `Cut from ${link.from} to ${link.to}, ${link.delay_ms.toFixed(0)} milliseconds`;
    button.title = `${link.cut ? "Heal" : "Cut"} ${link.from} → ${link.to}`;
    button.onclick = () => cutOff([link], link.cut ? "heal" : "cut");
  }
  byID("heal").ariaDisabled = !links.some((l) => l.cut); // and keeps its focus
}

// cutOff cuts or heals ways.
export function cutOff(ways, action) {
  return change(ways.map(({ from, to }) => ["POST", { from, to, action }]));
}

async function change(requests) {
  const trouble = byID("trouble");
  try {
    const answers = await Promise.all(requests.map((r) => send(rules, ...r)));
    const refused = answers.find((a) => !a.ok);
    say(trouble, refused ? (await refused.json()).error : "");
  } catch (e) {
    say(trouble, `The network was not changed: ${e.message}`);
  }
  refresh();
}
