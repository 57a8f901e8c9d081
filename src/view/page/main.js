"use strict";
// Puts the page together: the table, the chosen object, the tabs, the keys.

const table = new ObjectTable(document.getElementById("scroll"), document.getElementById("tools"), choose);
const view = content.kind === "spectra"
  ? new SpectrumView(document.getElementById("object"))
  : new ImageView(document.getElementById("object"), table, choose);

/** Shows an object, and names it in the page's address. */
function choose(o) {
  if (location.hash !== fragment(o)) location.replace(fragment(o));
  show(o);
}

function show(o) {
  if (table.chosen === o && view.object === o) return;
  table.mark(o);
  view.show(o);
  document.title = `${o.name || "row " + o.row} · selfsi view`;
}

/** The object that the address names, else the first one. */
function follow() {
  let key = location.hash.slice(1);
  try { key = decodeURIComponent(key); } catch { /* taken as it is */ }
  const named = byKey.get(key);
  if (named) show(named);
  else if (!table.chosen) show(table.visible()[0] || content.objects[0]);
}

function tab(name) {
  for (const id of ["objects", "run"]) {
    document.getElementById(id).hidden = id !== name;
    document.getElementById(`tab-${id}`).setAttribute("aria-selected", String(id === name));
  }
  if (name === "run") showRun(document.getElementById("run"));
  else view.resize();
}

document.getElementById("title").textContent = content.file;
document.getElementById("about").textContent = [
  content.how || `${content.total} objects`,
  content.draws > 1 ? `${content.method}, ${content.draws} draws` : content.method,
  content.audit_file && `audit: ${content.audit_file}`,
  content.truth_file && `truth: ${content.truth_file}`,
  `selfsi ${content.selfsi}`,
].filter(Boolean).join(" · ");

for (const id of ["objects", "run"]) document.getElementById(`tab-${id}`).addEventListener("click", () => tab(id));

const KEYS = {
  n: () => table.step(1), j: () => table.step(1), ArrowDown: () => table.step(1),
  p: () => table.step(-1), k: () => table.step(-1), ArrowUp: () => table.step(-1),
};

document.addEventListener("keydown", e => {
  const typing = e.target.matches("input:not([type=range]), select, textarea");
  if (typing || e.ctrlKey || e.metaKey || e.altKey || document.getElementById("objects").hidden) return;
  const act = KEYS[e.key] || (view.keys && view.keys[e.key]);
  if (!act || (e.target.matches("input") && e.key.startsWith("Arrow"))) return;
  e.preventDefault();
  act();
});

window.addEventListener("hashchange", follow);
window.addEventListener("resize", () => view.resize());

const divider = document.getElementById("divider");
divider.addEventListener("pointerdown", e => {
  divider.setPointerCapture(e.pointerId);
  const move = e => {
    const share = 100 * e.clientX / window.innerWidth;
    document.getElementById("list").style.width = `${Math.min(Math.max(share, 12), 80)}%`;
    view.resize();
  };
  divider.addEventListener("pointermove", move);
  divider.addEventListener("pointerup", () => divider.removeEventListener("pointermove", move), { once: true });
});

follow();
