// Draws the list that problem_list.py describes and reports the problem or mode a person chooses.
// Owns the DOM below its root and the keys j and k of the page. Text is written as text nodes alone.

const MARKS = new Map([[true, ["✓", "right", "yes"]], [false, ["✗", "wrong", "no"]], [null, ["–", "no verdict", "none"]]]);
const SETTLE = 140; // ms: holding j walks through the list and asks for the last problem only
const PATIENCE = 4000; // ms a choice stands before the page's own word counts again
const MARGIN = 22; // the page's own lower padding
const SIGHT = 14; // px of the neighbour shown beside the chosen problem
const views = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  if (!data) return;
  const view = views.get(parentElement) ?? start(parentElement);
  view.emit = (event) => setTriggerValue("event", event);
  accept(view, data);
  return () => stop(view);
}

function start(root) {
  const view = { root, rail: root.querySelector("#rail"), said: root.querySelector("#said"), filter: "", stop: new AbortController() };
  views.set(root, view);
  const { signal } = view.stop;
  document.addEventListener("keydown", (event) => pageKey(view, event), { signal });
  window.addEventListener("resize", () => fit(view), { signal });
  view.observer = new ResizeObserver(() => fit(view));
  view.observer.observe(document.querySelector('[data-testid="stMainBlockContainer"]') ?? document.body);
  return view;
}

function stop(view) {
  view.stop.abort();
  view.observer.disconnect();
  clearTimeout(view.timer);
  views.delete(view.root);
}

function accept(view, data) {
  const seen = JSON.stringify(data);
  if (seen === view.seen) return;
  const before = view.data;
  view.seen = seen;
  view.data = data;
  const asked = view.asked && view.asked !== data.selected && Date.now() - view.askedAt < PATIENCE && data.mode === before?.mode;
  if (!asked) {
    view.selected = data.selected;
    view.asked = null;
  }
  const same = before && JSON.stringify([before.items, before.modes, before.mode, before.runs]) === JSON.stringify([data.items, data.modes, data.mode, data.runs]);
  if (same) mark(view);
  else draw(view);
  fit(view);
}

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

function draw(view) {
  const { data } = view;
  const held = view.rail.getRootNode().activeElement?.dataset?.spot;
  view.list = node("div", { class: "list", role: "listbox", "aria-label": "Problems", tabindex: "0", "data-spot": "list" });
  view.list.append(...data.items.map((item) => row(view, item)));
  view.list.onclick = (event) => clicked(view, event);
  view.list.onkeydown = (event) => listKey(view, event);
  view.empty = node("p", { class: "empty" });
  view.rail.replaceChildren(modes(view), search(view), heading(data), view.list, view.empty);
  narrow(view);
  mark(view);
  if (held) [...view.rail.querySelectorAll("[data-spot]")].find((e) => e.dataset.spot === held)?.focus();
}

function modes(view) {
  const made = node("div", { class: "modes", role: "group", "aria-label": "Which problems" });
  for (const mode of view.data.modes) {
    const count = mode.count === null ? "" : ` ${mode.count}`;
    const on = mode.id === view.data.mode;
    const chip = node("button", { type: "button", title: mode.meaning, "aria-label": `${mode.meaning}${count}`, "aria-pressed": String(on), "data-spot": `mode ${mode.id}` }, mode.label, count);
    chip.onclick = () => view.emit({ mode: mode.id });
    made.append(chip);
  }
  return made;
}

function search(view) {
  const made = node("input", { type: "search", placeholder: "Find in questions", "aria-label": "Find in questions", "data-spot": "search", autocomplete: "off", spellcheck: "false" });
  made.value = view.filter;
  made.oninput = () => {
    view.filter = made.value;
    narrow(view);
  };
  made.onkeydown = (event) => {
    if (event.key === "Escape" && made.value) {
      made.value = view.filter = "";
      narrow(view);
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      view.list.focus();
    }
  };
  return made;
}

function heading(data) {
  const runs = data.runs.map((run) => node("span", { class: "v" }, run));
  return node("div", { class: "item heading", "aria-hidden": "true" }, node("span", { class: "id" }, "No."), node("p", {}, "Question"), ...runs);
}

function row(view, [id, number, question, verdicts, figure]) {
  const made = node("div", { class: "item", role: "option", "data-id": id, id: `problem-${number}-${id}`, title: question });
  made.append(node("span", { class: "id" }, String(number).padStart(2, "0")), node("p", {}, node("bdi", {}, question)));
  if (figure) made.append(node("span", { class: "figure" }, figure));
  verdicts.forEach((verdict, at) => {
    const [glyph, word, style] = MARKS.get(verdict);
    made.append(node("span", { class: `v ${style}`, role: "img", "aria-label": `${view.data.runs[at] ?? ""} ${word}` }, glyph));
  });
  return made;
}

function narrow(view) {
  const wanted = view.filter.trim().toLocaleLowerCase();
  let shown = 0;
  view.data.items.forEach(([, number, question], at) => {
    const hit = !wanted || question.toLocaleLowerCase().includes(wanted) || String(number) === wanted.replace(/^0+/, "");
    view.list.children[at].hidden = !hit;
    if (hit) shown += 1;
  });
  view.empty.textContent = shown ? "" : wanted && view.data.items.length ? "No question here holds these words." : view.data.empty;
  view.said.textContent = wanted ? `${shown} of ${view.data.items.length} problems` : "";
}

function mark(view) {
  let chosen = null;
  for (const item of view.list.children) {
    const on = item.dataset.id === view.selected;
    item.setAttribute("aria-selected", String(on));
    if (on) chosen = item;
  }
  if (chosen) {
    view.list.setAttribute("aria-activedescendant", chosen.id);
    reveal(view.list, chosen);
  } else view.list.removeAttribute("aria-activedescendant");
}

// scrollIntoView would scroll the page too.
function reveal(list, item) {
  const top = item.offsetTop;
  if (top < list.scrollTop) list.scrollTop = top - SIGHT;
  else if (top + item.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + item.offsetHeight - list.clientHeight + SIGHT;
}

function choose(view, id, wait) {
  view.selected = view.asked = id;
  view.askedAt = Date.now();
  mark(view);
  clearTimeout(view.timer);
  view.timer = setTimeout(() => {
    view.emit({ problem: id });
  }, wait);
}

function step(view, by) {
  const shown = [...view.list.children].filter((item) => !item.hidden);
  if (shown.length === 0) return;
  const at = shown.findIndex((item) => item.dataset.id === view.selected);
  const next = at < 0 ? (by > 0 ? 0 : shown.length - 1) : Math.max(0, Math.min(shown.length - 1, at + by));
  if (shown[next].dataset.id !== view.selected) choose(view, shown[next].dataset.id, SETTLE);
}

function clicked(view, event) {
  const item = event.target.closest(".item");
  if (item) choose(view, item.dataset.id, 0);
}

function listKey(view, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -1e6, End: 1e6 };
  if (event.key in steps) {
    event.preventDefault();
    step(view, steps[event.key]);
  } else if (event.key === "Enter" && view.selected !== null) {
    event.preventDefault();
    choose(view, view.selected, 0);
  }
}

function pageKey(view, event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return;
  if (event.key !== "j" && event.key !== "k") return;
  if (typing(event) || inDialog(event)) return;
  event.preventDefault();
  step(view, event.key === "j" ? 1 : -1);
}

// A dialog of Streamlit's stands in the document; one inside a component (the viewer's help) is seen in the event's path alone.
function inDialog(event) {
  return document.querySelector('[role="dialog"]') !== null || event.composedPath().some((part) => part.localName === "dialog");
}

// Behind a shadow root the event's target is the host; the path holds the field itself.
function typing(event) {
  const field = event.composedPath()[0];
  return field instanceof Element && (field.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(field.tagName) || field.getAttribute("role") === "combobox");
}

function fit(view) {
  const { rail, data } = view;
  if (!data || !rail.isConnected) return;
  const scrolled = rail.getRootNode().host?.closest('[data-testid="stMain"]')?.scrollTop ?? 0;
  // Scrolled, the list sticks to the window's edge and its place on the page can't be measured.
  if (view.top === undefined || scrolled === 0) view.top = rail.getBoundingClientRect().top + scrolled;
  const height = data.height ?? Math.max(260, window.innerHeight - view.top - MARGIN);
  const wanted = `${Math.round(height)}px`;
  if (rail.style.height === wanted) return;
  rail.style.height = wanted;
  const chosen = view.list?.querySelector('[aria-selected="true"]');
  if (chosen) reveal(view.list, chosen);
}
