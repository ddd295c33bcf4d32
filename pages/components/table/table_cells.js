// The cells of a table. Text arrives as data and is only ever written as text nodes.

import { el } from "../browser/element.js";

/**
 * @typedef {{ label: string, href: string | null, action: string | null }} CellLink
 * @typedef {object} Cell  what it holds depends on its column's kind
 * @property {string} [text]
 * @property {string | null} [small]
 * @property {string | null} [href]
 * @property {string | null} [ends]
 * @property {string} [why]
 * @property {any} [value]
 * @property {number | null} [low]
 * @property {number | null} [high]
 * @property {CellLink[]} [links]
 * @typedef {"text" | "number" | "bar" | "verdict" | "links"} ColumnKind
 * @typedef {{ id: string, kind: ColumnKind, label: string, help: string, sortable: boolean, width: string | null, most: number }} Column
 */

// A path of this app or a query on this page; never another host ("//x", "/\x") nor a script.
const IN_APP = /^(?:\/(?![\/\\])|\?)[^\x00-\x20\x7f\\]*$/;
/** @type {Map<boolean | null, [mark: string, word: string, style: string]>} */
const VERDICTS = new Map([[true, ["✓", "right", "yes"]], [false, ["✗", "wrong", "no"]], [null, ["–", "no verdict", "none"]]]);

/** @param {Column} column @param {Cell} cell @param {boolean} first */
export function bodyCell(column, cell, first) {
  const heads = first && column.kind === "text";
  return el(heads ? "th" : "td", { class: column.kind, scope: heads ? "row" : null }, ...WRITERS[column.kind](cell, column));
}

/** @type {Record<ColumnKind, (cell: Cell, column: Column) => import("../browser/element.js").Child[]>} */
const WRITERS = {
  text: (cell) => {
    const text = el("bdi", {}, cell.text);
    const shown = cell.href ? link(cell.href, text) : text;
    return cell.small ? [shown, el("small", {}, el("bdi", {}, cell.small))] : [shown];
  },
  number: (cell) => [
    cell.why ? el("span", { title: cell.why }, cell.text ?? "") : cell.text, ...(cell.ends ? [" ", el("small", {}, cell.ends)] : []),
    ...(cell.small ? [el("small", { class: "note" }, cell.small)] : []),
  ],
  bar: (cell, column) => [el("span", { class: "figure" }, ...WRITERS.number(cell, column)), bar(cell, column)],
  verdict: (cell) => {
    const [mark, word, style] = VERDICTS.get(cell.value) ?? ["", "", ""];
    return [el("span", { class: style, role: "img", "aria-label": word, title: word }, mark)];
  },
  links: (cell) => (cell.links ?? []).map(cellLink),
};

/** @param {Cell} cell @param {Column} column */
function bar({ value, low, high }, column) {
  /** @param {number} x */
  const part = (x) => `${Math.max(0, Math.min(100, (100 * x) / column.most))}%`;
  const made = el("span", { class: "bar", "aria-hidden": "true" });
  if (value === null) return made;
  const fill = el("i", { class: "fill" });
  fill.style.width = part(value);
  made.append(fill);
  if (low !== null && low !== undefined && high !== null && high !== undefined) {
    const range = el("i", { class: "range" });
    range.style.left = part(low);
    range.style.width = `calc(${part(high)} - ${part(low)})`;
    made.append(range);
  }
  return made;
}

/** @param {string} href @param {...Node} children */
function link(href, ...children) {
  return IN_APP.test(href) ? el("a", { href, target: "_self" }, ...children) : el("span", {}, ...children);
}

/** @param {CellLink} item */
function cellLink(item) {
  const label = el("bdi", {}, item.label);
  if (item.href === null) return el("button", { type: "button", class: "link", "data-action": item.action }, label);
  const made = link(item.href, label);
  if (item.action !== null) made.dataset.action = item.action;
  return made;
}
