// The page of `hearsay dev`: draws /v1/cluster once a second, puts a key through
// /v1/put and follows it, cuts and heals through the chaos rules.

const byID = (id) => document.getElementById(id);
const rules = "/admin/v1/chaos/rules";

function el(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}

const plural = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

// draw replaces what target shows, unless it shows that already: so focus and
// selection survive the clock.
const drawn = new Map();
function draw(target, data, make) {
  const key = JSON.stringify(data);
  if (drawn.get(target) === key) return;
  drawn.set(target, key);
  target.replaceChildren(...make(data));
}

// Regions and nodes

function drawRegions(regions) {
  draw(byID("regions"), regions, () => regions.map((r) => el("article", {},
    el("h3", { textContent: r.name }),
    el("dl", {}, ...r.nodes.flatMap(drawNode)))));
}

function drawNode(n) {
  const name = el("dt", { className: n.ready ? "ready" : "", title: n.ready ? "ready" : "not ready" },
    el("a", { href: `/nodes/${n.id}/metrics`, textContent: n.id, title: `client port ${n.api}` }));
  const lag = n.lag ?? [];
  const text = `${n.connected}/${n.peers} peers · ${n.behind ? n.behind + " behind" : "up to date"}`;
  const title = lag.map((l) => `${l.entries} of ${l.origin}`).join("\n");
  return [name, el("dd", { className: n.behind ? "lag" : "", textContent: text, title })];
}

// Between regions

function drawLinks({ regions, links }) {
  const names = regions.map((r) => r.name);
  const of = new Map(links.map((l) => [`${l.from} ${l.to}`, l]));
  draw(byID("links"), links, () => [
    el("tr", {}, el("th", { textContent: "from ↓ to →" }), ...names.map((n) => el("th", { scope: "col", textContent: n }))),
    ...names.map((from) => el("tr", {}, el("th", { scope: "row", textContent: from }),
      ...names.map((to) => el("td", {}, from === to ? "·" : linkButton(of.get(`${from} ${to}`)))))),
  ]);
  byID("heal").disabled = !links.some((l) => l.cut);
}

function linkButton(link) {
  const button = el("button", {
    type: "button",
    textContent: link.cut ? "cut" : link.delay_ms.toFixed(1),
    title: `${link.cut ? "Heal" : "Cut"} ${link.from} → ${link.to}`,
    onclick: () => change(link.cut ? "heal" : "cut", link),
  });
  button.setAttribute("aria-pressed", link.cut);
  return button;
}

// change cuts or heals one direction, or heals all.
async function change(action, link) {
  const request = link
    ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ from: link.from, to: link.to, action }) }
    : { method: "DELETE" };
  try {
    const answer = await fetch(rules, request);
    byID("trouble").textContent = answer.ok ? "" : (await answer.json()).error;
  } catch (e) {
    byID("trouble").textContent = `${action}: ${e.message}`;
  }
  refresh();
}

byID("heal").onclick = () => change("heal");

// Put a key, watch it spread

byID("put").onsubmit = async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  byID("trouble").textContent = "";
  try {
    await put(Object.fromEntries(new FormData(form)));
  } catch (e) {
    byID("arrivals").replaceChildren(el("li", { className: "missing", textContent: e.message }));
  }
  button.disabled = false;
};

async function put(write) {
  const answer = await fetch("/v1/put", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(write) });
  if (!answer.ok) throw new Error(await answer.text());
  const rows = new Map();
  const list = byID("arrivals");
  list.replaceChildren();
  let longest = 1;
  for await (const e of lines(answer.body)) {
    if (e.event === "error") throw new Error(e.message);
    if (e.event === "asked") {
      for (const node of e.nodes) {
        const row = el("li", { className: "waiting" }, el("b", { textContent: node, title: node }),
          el("div", { className: "bar" }, el("i")), el("output", { textContent: "…" }));
        rows.set(node, { row });
        list.append(row);
      }
      continue;
    }
    if (e.event === "end") {
      for (const { row, ms } of rows.values()) {
        if (ms !== undefined) continue;
        row.className = "missing";
        row.querySelector("output").textContent = "not yet";
      }
      continue;
    }
    const shown = rows.get(e.node);
    shown.ms = e.ms;
    shown.row.className = "";
    shown.row.querySelector("output").textContent = `${e.ms.toFixed(1)} ms`;
    longest = Math.max(longest, e.ms);
    for (const { row, ms } of rows.values()) {
      if (ms !== undefined) row.querySelector("i").style.width = `${Math.max(1, 100 * ms / longest)}%`;
    }
  }
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

// The clock

async function refresh() {
  const state = byID("state");
  try {
    const cluster = await (await fetch("/v1/cluster")).json();
    const nodes = cluster.regions.flatMap((r) => r.nodes);
    const ready = nodes.filter((n) => n.ready).length;
    state.className = ready === nodes.length ? "" : "bad";
    state.textContent = `${plural(cluster.regions.length, "region")}, ${ready} of ${plural(nodes.length, "node")} ready`;
    const select = byID("put").elements.region;
    draw(select, cluster.regions.map((r) => r.name), (names) => names.map((n) => el("option", { textContent: n })));
    drawRegions(cluster.regions);
    drawLinks(cluster);
  } catch {
    state.className = "bad";
    state.textContent = "The cluster does not answer; is `hearsay dev` still running?";
  }
}

refresh();
setInterval(refresh, 1000);
