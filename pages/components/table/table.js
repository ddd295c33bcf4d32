// Draws the table that table.py describes and reports what a person does with it.

import { el } from "../browser/element.js";
import { focusMarked, keepFocus } from "../browser/keep_focus.js";
import { mount } from "../browser/mount.js";
import { bodyCell } from "./table_cells.js";

/**
 * @typedef {import("./table_cells.js").Cell} Cell
 * @typedef {import("./table_cells.js").Column} Column
 * @typedef {{ id: string, current: boolean, cells: Cell[] }} Row
 * @typedef {object} TableData
 * @property {Column[]} columns
 * @property {Row[]} rows
 * @property {string} caption
 * @property {"row" | "many" | null} select
 * @property {[column: string, descending: boolean] | null} sortedBy  null: nobody sorts
 * @property {string[]} checked
 * @property {number | null} height  pixels
 * @property {string} empty
 * @property {string} note
 */

/** @type {Record<string, string>} what a column without a heading is called for those who hear the table */
const UNNAMED = { links: "Links", verdict: "Mark" };
const FIRST_STOP = "tr[tabindex='0']";

/** @type {Record<string, number>} rows a key goes by */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

class TableView {
  /** @type {TableData} */ data;
  /** @type {(event: object) => void} */ emit;
  /** @type {string | undefined} the row that Tab comes to */ stop;
  /** @type {HTMLElement | null} what had the focus last */ held = null;
  /** @type {Set<string>} */ checked = new Set();

  /** @param {ShadowRoot} parent */
  constructor(parent) {
    this.box = /** @type {HTMLElement} */ (parent.querySelector("#box"));
    this.foot = /** @type {HTMLElement} */ (parent.querySelector("#foot"));
    const host = /** @type {HTMLElement | undefined} */ (parent.host);
    // A dialog that closes gives the focus back to what the document knows: the element around the shadow root.
    if (host) host.focus = (options) => focusMarked(this.box, "spot", this.held?.dataset.spot, { ...options, fallback: FIRST_STOP });
  }

  /** @param {import("../browser/mount.js").Component<TableData>} component */
  update({ data, setTriggerValue }) {
    if (!data) return;
    this.emit = (event) => setTriggerValue("event", event);
    // A rerun that changes nothing must not take the focus or the scroll position away.
    if (JSON.stringify(data) === JSON.stringify(this.data)) return;
    this.data = data;
    this.checked = new Set(data.checked);
    this.draw();
  }

  draw() {
    const { data, box, foot } = this;
    const scrolled = box.querySelector(".scroll")?.scrollTop ?? 0;
    const scroll = el("div", { class: "scroll" }, this.table());
    if (data.height) scroll.style.maxHeight = `${Number(data.height)}px`;
    // A table that scrolls and holds nothing to go to is gone to itself.
    if (data.height && !scroll.querySelector("a, button, input, [tabindex]")) {
      for (const [name, value] of Object.entries({ tabindex: "0", role: "region", "aria-label": data.caption })) scroll.setAttribute(name, value);
    }
    const redraw = () => {
      box.replaceChildren(scroll);
      scroll.scrollTop = scrolled;
      foot.replaceChildren();
      if (data.rows.length === 0) foot.append(el("p", { class: "empty" }, data.empty));
      if (data.note) foot.append(el("p", { class: "note" }, data.note));
    };
    keepFocus(box, "spot", redraw, { fallback: FIRST_STOP });
  }

  table() {
    const { data } = this;
    const grid = data.select === "row";
    const made = el("table", { role: grid ? "grid" : null, "aria-label": data.caption }, this.head(),
      el("tbody", {}, ...data.rows.map((row, at) => this.bodyRow(row, at, grid))));
    made.onclick = (event) => this.clicked(event);
    made.onkeydown = (event) => this.keyed(event);
    made.addEventListener("focusin", (event) => this.focusMoved(/** @type {HTMLElement} */ (event.target)));
    return made;
  }

  head() {
    const { data } = this;
    const cells = data.columns.map((column) => this.headCell(column));
    if (data.select === "many") cells.unshift(el("th", { class: "check", scope: "col" }, el("span", { class: "unseen" }, "Chosen")));
    return el("thead", {}, el("tr", {}, ...cells));
  }

  /** @param {Column} column */
  headCell(column) {
    const { data } = this;
    const down = data.sortedBy?.[0] === column.id ? data.sortedBy[1] : null;
    const sortable = data.sortedBy && column.sortable && data.rows.length > 0;
    const direction = down === null ? (sortable ? "none" : null) : down ? "descending" : "ascending";
    const cell = el("th", { scope: "col", class: column.kind, "aria-sort": direction, title: column.help || null });
    cell.style.width = column.width ?? "";
    // A width in percent gives way to the other columns' words, one in pixels doesn't.
    if (column.width?.endsWith("px")) cell.style.minWidth = column.width;
    if (sortable) {
      const arrow = el("span", { class: "arrow", "aria-hidden": "true" }, down === null ? "" : down ? "↓" : "↑");
      cell.append(el("button", { type: "button", "data-spot": `sort ${column.id}`, onclick: () => this.sortBy(column, down) }, column.label, arrow));
    } else {
      cell.append(el("span", { class: column.label ? "label" : "unseen unnamed" }, column.label || column.help || UNNAMED[column.kind] || "More"));
    }
    return cell;
  }

  /** @param {Column} column @param {boolean | null} down whether it is sorted by this column, and which way */
  sortBy(column, down) {
    // Numbers are wanted from the top, words from A; a second click turns the order round.
    this.emit({ kind: "sort", column: column.id, descending: down === null ? column.kind !== "text" : !down });
  }

  /** @param {Row} row @param {number} at @param {boolean} grid */
  bodyRow(row, at, grid) {
    const { data } = this;
    const stop = grid && (data.rows.some((other) => other.id === this.stop) ? row.id === this.stop : at === 0);
    const made = el("tr", {
      "data-row": row.id,
      "data-spot": grid ? `row ${row.id}` : null,
      class: [grid ? "open" : "", row.current ? "current" : ""].join(" ").trim() || null,
      tabindex: grid ? (stop ? "0" : "-1") : null,
      "aria-selected": grid ? String(row.current) : null,
      "aria-current": !grid && row.current ? "true" : null,
    });
    if (data.select === "many") made.append(this.checkCell(row));
    made.append(...row.cells.map((cell, column) => bodyCell(data.columns[column], cell, column === 0)));
    const links = /** @type {NodeListOf<HTMLElement>} */ (made.querySelectorAll(".links > *"));
    links.forEach((link, place) => (link.dataset.spot = `link ${place} ${row.id}`));
    return made;
  }

  /** @param {Row} row */
  checkCell(row) {
    const { data, checked } = this;
    const box = el("input", { type: "checkbox", "data-spot": `check ${row.id}`, "aria-label": `Choose ${row.cells[0].text ?? row.id}` });
    box.checked = checked.has(row.id);
    box.onchange = () => {
      if (box.checked) checked.add(row.id);
      else checked.delete(row.id);
      this.emit({ kind: "check", checked: data.rows.map(({ id }) => id).filter((id) => checked.has(id)) });
      this.draw();
    };
    return el("td", { class: "check" }, box);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const row = /** @type {HTMLElement | null} */ (target.closest("tbody tr"));
    if (!row) return;
    const acting = /** @type {HTMLElement | null} */ (target.closest("[data-action]"));
    const aside = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (acting && !(aside && acting.tagName === "A")) {
      event.preventDefault();
      this.emit({ kind: "action", row: row.dataset.row, action: acting.dataset.action });
    } else if (this.data.select === "row" && !target.closest("button, input") && !this.selecting()) {
      // A row's own link opens like the row, without loading the app anew; with a key held it is the browser's.
      if (target.closest("a") && (aside || event.button !== 0)) return;
      event.preventDefault();
      this.emit({ kind: "row", row: row.dataset.row });
    }
  }

  /** Marking a cell's text to copy it isn't a click on the row. */
  selecting() {
    // Chromium alone has a selection of a shadow root's own.
    const root = /** @type {{ getSelection?: () => Selection | null }} */ (/** @type {unknown} */ (this.box.getRootNode()));
    const selection = root.getSelection ? root.getSelection() : document.getSelection();
    return selection !== null && String(selection).length > 0 && selection.type === "Range";
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    const target = /** @type {Element} */ (event.target);
    const row = /** @type {HTMLElement | null} */ (target.closest("tbody tr"));
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target === row && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      this.emit({ kind: "row", row: row.dataset.row });
      return;
    }
    if (!(event.key in STEPS) || this.data.select === null) return;
    event.preventDefault();
    const rows = /** @type {HTMLElement[]} */ ([...(row.parentElement?.children ?? [])]);
    const to = rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(row) + STEPS[event.key]))];
    const next = this.data.select === "many" ? to.querySelector("input") : to;
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  /** The row that Tab comes to is the one that was last gone to itself; links in rows are stops of their own.
   * @param {HTMLElement} target */
  focusMoved(target) {
    this.held = target;
    if (target.localName !== "tr" || this.data.select !== "row") return;
    this.stop = target.dataset.row;
    const rows = /** @type {HTMLElement[]} */ ([...(target.parentElement?.children ?? [])]);
    for (const row of rows) row.tabIndex = row === target ? 0 : -1;
  }
}

export default mount(TableView);
