// Draws the tree of models that lineage.py describes as nested lists and reports the model a person chooses.
// Owns the DOM below its root. Text is written as text nodes alone; the connectors are borders of the lists.

const views = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  if (!data) return;
  const view = views.get(parentElement) ?? {};
  views.set(parentElement, view);
  view.emit = (event) => setTriggerValue("event", event);
  // A rerun that changes nothing must not take the focus away.
  const seen = JSON.stringify(data);
  if (seen === view.seen) return;
  view.seen = seen;
  view.data = data;
  view.box = parentElement.querySelector("#box");
  draw(view);
}

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

function draw(view) {
  const held = view.box.getRootNode().activeElement?.dataset?.model;
  const list = branches(view, view.data.branches);
  list.setAttribute("aria-label", "Models, each under the one it was trained from");
  view.box.replaceChildren(head(), list);
  list.onclick = (event) => chosen(view, event.target.closest("button[data-model]"));
  list.onkeydown = (event) => keyed(view, event);
  if (held) [...buttons(view)].find((button) => button.dataset.model === held)?.focus();
}

function head() {
  const cells = ["Model", "Served by", "Runs"].map((text) => node("span", {}, text));
  return node("div", { class: "row head", "aria-hidden": "true" }, ...cells);
}

function branches(view, list) {
  return node("ul", {}, ...list.map((branch) => item(view, branch)));
}

function item(view, branch) {
  const made = node("li", {}, row(view, branch));
  if (branch.children.length > 0) made.append(branches(view, branch.children));
  return made;
}

function row(view, branch) {
  const current = branch.id === view.data.selected;
  const name = node("span", { class: "name" }, node("bdi", {}, branch.name), node("small", {}, node("bdi", {}, branch.small)));
  if (branch.via) name.append(node("small", { class: "via" }, node("bdi", {}, branch.via)));
  const runs = node("span", { class: "runs" }, branch.runs ? String(branch.runs) : "–", node("span", { class: "unseen" }, " runs"));
  return node("button", { type: "button", class: "row", "data-model": branch.id, "aria-current": current ? "true" : null }, name, ticks(branch), runs);
}

function ticks(branch) {
  const made = node("span", { class: "ticks" });
  for (const { engine, ok, reason } of branch.ticks) {
    const words = node("span", { class: "unseen" }, ok ? "can be served by " : "can't be served by ");
    const mark = node("span", { "aria-hidden": "true" }, ok ? "✓ " : "✗ ");
    made.append(node("span", { class: ok ? "yes" : "no", title: reason }, words, mark, engine), " ");
  }
  return made;
}

function chosen(view, button) {
  if (button) view.emit({ model: button.dataset.model });
}

function buttons(view) {
  return view.box.querySelectorAll("button[data-model]");
}

// Up and down walk through the rows, as in any list; Tab does too.
function keyed(view, event) {
  const all = [...buttons(view)];
  const at = all.indexOf(view.box.getRootNode().activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined || at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  all[Math.max(0, Math.min(all.length - 1, to))].focus();
}
