// Draws the table that table.py describes and reports what a person does with it.
// Owns the DOM below its root. Text arrives as data and is only ever written as text nodes.

const IN_APP = /^(?:\/(?![\/\\])|\?)[^\x00-\x20\x7f\\]*$/;
const VERDICTS = new Map([[true, ["✓", "right", "yes"]], [false, ["✗", "wrong", "no"]], [null, ["–", "no verdict", "none"]]]);
// What a column without a heading is called for those who hear the table.
const UNNAMED = { links: "Links", verdict: "Mark" };
const views = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  if (!data) return;
  const view = views.get(parentElement) ?? { order: null, focus: null, checked: new Set(), data: null };
  views.set(parentElement, view);
  view.emit = (event) => setTriggerValue("event", event);
  // A rerun that changes nothing must not take the focus or the scroll position away.
  const seen = JSON.stringify(data);
  if (seen === view.seen) return;
  view.seen = seen;
  view.data = data;
  view.checked = new Set(data.checked);
  view.box = parentElement.querySelector("#box");
  view.foot = parentElement.querySelector("#foot");
  takeBack(view);
  if (!data.columns.some((column) => column.id === view.order?.column)) view.order = null;
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
  const { data, box, foot } = view;
  const held = box.getRootNode().activeElement;
  const hadFocus = held !== null && box.contains(held);
  const scrolled = box.querySelector(".scroll")?.scrollTop ?? 0;
  const scroll = node("div", { class: "scroll" }, table(view));
  if (data.height) scroll.style.maxHeight = `${Number(data.height)}px`;
  // A table that scrolls and holds nothing to go to is gone to itself.
  if (data.height && !scroll.querySelector("a, button, input, [tabindex]")) {
    for (const [name, value] of Object.entries({ tabindex: "0", role: "region", "aria-label": data.caption })) scroll.setAttribute(name, value);
  }
  box.replaceChildren(scroll);
  scroll.scrollTop = scrolled;
  foot.replaceChildren();
  if (data.rows.length === 0) foot.append(node("p", { class: "empty" }, data.empty));
  if (data.note) foot.append(node("p", { class: "note" }, data.note));
  if (hadFocus) restoreFocus(view, held);
}

function restoreFocus(view, held, options = {}) {
  const same = held?.dataset.spot && [...view.box.querySelectorAll("[data-spot]")].find((e) => e.dataset.spot === held.dataset.spot);
  (same || view.box.querySelector("tr[tabindex='0']"))?.focus(options);
}

// A dialog that closes gives the focus back to what the document knows: the element around the shadow root.
function takeBack(view) {
  const { host } = view.box.getRootNode();
  if (host) host.focus = (options) => restoreFocus(view, view.held, options);
}

function table(view) {
  const { data } = view;
  const rows = sorted(view);
  const grid = data.select === "row";
  const made = node("table", { role: grid ? "grid" : null, "aria-label": data.caption });
  made.append(head(view), node("tbody", {}, ...rows.map((row, at) => bodyRow(view, row, at, grid))));
  made.onclick = (event) => clicked(view, event);
  made.onkeydown = (event) => keyed(view, event);
  made.addEventListener("focusin", (event) => moved(view, event.target));
  return made;
}

function head(view) {
  const { data } = view;
  const cells = data.columns.map((column) => headCell(view, column));
  if (data.select === "many") cells.unshift(node("th", { class: "check", scope: "col" }, node("span", { class: "unseen" }, "Chosen")));
  return node("thead", {}, node("tr", {}, ...cells));
}

function headCell(view, column) {
  const { data } = view;
  const order = currentOrder(view);
  const down = order?.column === column.id ? order.descending : null;
  const sortable = Boolean(data.sort) && column.sortable && data.rows.length > 0;
  const direction = down === null ? (sortable ? "none" : null) : down ? "descending" : "ascending";
  const cell = node("th", { scope: "col", class: column.kind, "aria-sort": direction, title: column.help || null });
  cell.style.width = column.width ?? "";
  // A width in percent gives way to the other columns' words, one in pixels doesn't.
  if (column.width?.endsWith("px")) cell.style.minWidth = column.width;
  if (!sortable) {
    const label = { class: "label" };
    if (!column.label) Object.assign(label, { class: "unseen unnamed" });
    cell.append(node("span", label, column.label || column.help || UNNAMED[column.kind] || "More"));
    return cell;
  }
  const arrow = node("span", { class: "arrow", "aria-hidden": "true" }, down === null ? "" : down ? "↓" : "↑");
  const button = node("button", { type: "button", "data-spot": `sort ${column.id}` }, column.label, arrow);
  button.onclick = () => sortBy(view, column);
  cell.append(button);
  return cell;
}

function currentOrder(view) {
  const { data, order } = view;
  if (data.sort === "client" && order) return order;
  return data.sortedBy ? { column: data.sortedBy[0], descending: data.sortedBy[1] } : null;
}

function sortBy(view, column) {
  const order = currentOrder(view);
  // Numbers are asked for from the top, words from A.
  const first = column.kind !== "text";
  const descending = order?.column === column.id ? !order.descending : first;
  if (view.data.sort === "server") {
    view.emit({ kind: "sort", column: column.id, descending });
    return;
  }
  view.order = { column: column.id, descending };
  draw(view);
}

function sorted(view) {
  const { data, order } = view;
  if (data.sort !== "client" || !order) return data.rows;
  const at = data.columns.findIndex((column) => column.id === order.column);
  const compare = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
  const value = (row) => row.cells[at].value ?? row.cells[at].text ?? "";
  const missing = (row) => row.cells[at].value === null;
  return [...data.rows].sort((one, other) => {
    if (missing(one) !== missing(other)) return missing(one) ? 1 : -1; // unknown stays last either way
    const [x, y] = [value(one), value(other)];
    const way = typeof x === "string" ? compare(x, String(y)) : x - y;
    return order.descending ? -way : way;
  });
}

function bodyRow(view, row, at, grid) {
  const { data } = view;
  const focused = grid && (view.focus === null || !data.rows.some((r) => r.id === view.focus) ? at === 0 : row.id === view.focus);
  const made = node("tr", {
    "data-row": row.id,
    "data-spot": grid ? `row ${row.id}` : null,
    class: [grid ? "open" : "", row.current ? "current" : ""].join(" ").trim() || null,
    tabindex: grid ? (focused ? "0" : "-1") : null,
    "aria-selected": grid ? String(row.current) : null,
    "aria-current": !grid && row.current ? "true" : null,
  });
  if (data.select === "many") made.append(checkCell(view, row));
  made.append(...row.cells.map((cell, column) => bodyCell(data.columns[column], cell, column === 0)));
  made.querySelectorAll(".links > *").forEach((link, place) => (link.dataset.spot = `link ${place} ${row.id}`));
  return made;
}

function checkCell(view, row) {
  const first = row.cells[0];
  const box = node("input", { type: "checkbox", "data-spot": `check ${row.id}`, "aria-label": `Choose ${first.text ?? row.id}` });
  box.checked = view.checked.has(row.id);
  box.disabled = !box.checked && view.data.atMost !== null && view.checked.size >= view.data.atMost;
  box.onchange = () => {
    if (box.checked) view.checked.add(row.id);
    else view.checked.delete(row.id);
    view.emit({ kind: "check", checked: view.data.rows.map((r) => r.id).filter((id) => view.checked.has(id)) });
    draw(view);
  };
  return node("td", { class: "check" }, box);
}

function bodyCell(column, cell, first) {
  const made = node(first && column.kind === "text" ? "th" : "td", { class: column.kind, scope: first && column.kind === "text" ? "row" : null });
  made.append(...WRITE[column.kind](cell, column));
  return made;
}

const WRITE = {
  text: (cell) => {
    const text = node("bdi", {}, cell.text);
    const shown = cell.href ? link(cell.href, text) : text;
    return cell.small ? [shown, node("small", {}, node("bdi", {}, cell.small))] : [shown];
  },
  number: (cell) => [cell.text, ...(cell.ends ? [" ", node("small", {}, cell.ends)] : [])],
  bar: (cell, column) => [node("span", { class: "figure" }, ...WRITE.number(cell)), bar(cell, column)],
  verdict: (cell) => {
    const [mark, word, style] = VERDICTS.get(cell.value);
    return [node("span", { class: style, role: "img", "aria-label": word, title: word }, mark)];
  },
  tag: (cell) => (cell.text ? [node("span", { class: `side side-${cell.text}` }, cell.text)] : []),
  links: (cell) => cell.links.map(cellLink),
};

function bar(cell, column) {
  const part = (x) => `${Math.max(0, Math.min(100, (100 * x) / column.most))}%`;
  const made = node("span", { class: "bar", "aria-hidden": "true" });
  if (cell.value === null) return made;
  const fill = node("i", { class: "fill" });
  fill.style.width = part(cell.value);
  made.append(fill);
  if (cell.low !== null && cell.high !== null) {
    const range = node("i", { class: "range" });
    range.style.left = part(cell.low);
    range.style.width = `calc(${part(cell.high)} - ${part(cell.low)})`;
    made.append(range);
  }
  return made;
}

function link(href, ...children) {
  return IN_APP.test(href) ? node("a", { href, target: "_self" }, ...children) : node("span", {}, ...children);
}

function cellLink(item) {
  const label = node("bdi", {}, item.label);
  if (item.href === null) return node("button", { type: "button", class: "link", "data-action": item.action }, label);
  const made = link(item.href, label);
  if (item.action !== null) made.dataset.action = item.action;
  return made;
}

function clicked(view, event) {
  const row = event.target.closest("tbody tr");
  if (!row) return;
  const acting = event.target.closest("[data-action]");
  const aside = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (acting && !(aside && acting.tagName === "A")) {
    event.preventDefault();
    view.emit({ kind: "action", row: row.dataset.row, action: acting.dataset.action });
  } else if (view.data.select === "row" && !event.target.closest("button, input") && !selecting(view)) {
    // A row's own link opens like the row, without loading the app anew; with a key held it is the browser's.
    if (event.target.closest("a") && (aside || event.button !== 0)) return;
    event.preventDefault();
    view.emit({ kind: "row", row: row.dataset.row });
  }
}

// Marking a cell's text to copy it isn't a click on the row.
function selecting(view) {
  const root = view.box.getRootNode();
  const selection = root.getSelection ? root.getSelection() : document.getSelection();
  return selection !== null && String(selection).length > 0 && selection.type === "Range";
}

function keyed(view, event) {
  const row = event.target.closest("tbody tr");
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === row && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    view.emit({ kind: "row", row: row.dataset.row });
    return;
  }
  const rows = [...row.parentElement.children];
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -rows.length, End: rows.length };
  if (!(event.key in steps) || view.data.select === null) return;
  event.preventDefault();
  const at = Math.max(0, Math.min(rows.length - 1, rows.indexOf(row) + steps[event.key]));
  const next = view.data.select === "many" ? rows[at].querySelector("input") : rows[at];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

// The row that Tab comes to is the one that was last gone to itself; links in rows are stops of their own.
function moved(view, row) {
  view.held = row;
  if (row.localName !== "tr" || view.data.select !== "row") return;
  view.focus = row.dataset.row;
  for (const other of row.parentElement.children) other.tabIndex = other === row ? 0 : -1;
}
