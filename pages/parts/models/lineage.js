// Draws the tree of models that lineage.py describes as nested lists and reports the model a person chooses.
// The connectors are borders of the lists.

import { el } from "../../components/browser/element.js";
import { keepFocus } from "../../components/browser/keep_focus.js";
import { mount } from "../../components/browser/mount.js";

/**
 * @typedef {{ engine: string, ok: boolean, reason: string }} Tick
 * @typedef {{ id: string, name: string, small: string, via: string, ticks: Tick[], runs: number, children: Branch[] }} Branch
 * @typedef {{ branches: Branch[], selected: string | null }} LineageData
 */

class LineageView {
  /** @type {LineageData} */ data;
  /** @type {(event: object) => void} */ emit;

  /** @param {ShadowRoot} parent */
  constructor(parent) {
    this.box = /** @type {HTMLElement} */ (parent.querySelector("#box"));
  }

  /** @param {import("../../components/browser/mount.js").Component<LineageData>} component */
  update({ data, setTriggerValue }) {
    if (!data) return;
    this.emit = (event) => setTriggerValue("event", event);
    // A rerun that changes nothing must not take the focus away.
    if (JSON.stringify(data) === JSON.stringify(this.data)) return;
    this.data = data;
    keepFocus(this.box, "model", () => this.draw());
  }

  draw() {
    const list = this.branches(this.data.branches);
    list.setAttribute("aria-label", "Models, each under the one it was trained from");
    list.onclick = (event) => this.choose(/** @type {Element} */ (event.target).closest("button"));
    list.onkeydown = (event) => this.keyed(event);
    this.box.replaceChildren(head(), list);
  }

  /** @param {Branch[]} list @returns {HTMLUListElement} */
  branches(list) {
    return el("ul", {}, ...list.map((branch) =>
      el("li", {}, this.row(branch), branch.children.length > 0 ? this.branches(branch.children) : null)));
  }

  /** @param {Branch} branch */
  row(branch) {
    const current = branch.id === this.data.selected;
    const name = el("span", { class: "name" }, el("bdi", {}, branch.name), el("small", {}, el("bdi", {}, branch.small)));
    if (branch.via) name.append(el("small", { class: "via" }, el("bdi", {}, branch.via)));
    const runs = el("span", { class: "runs" }, branch.runs ? String(branch.runs) : "–", el("span", { class: "unseen" }, " runs"));
    const attributes = { type: "button", class: "row", "data-model": branch.id, "aria-current": current ? "true" : null };
    return el("button", attributes, name, ticks(branch), runs);
  }

  /** @param {HTMLElement | null} button */
  choose(button) {
    if (button) this.emit({ model: button.dataset.model });
  }

  /** Up and down walk through the rows, as in any list; Tab does too. @param {KeyboardEvent} event */
  keyed(event) {
    const all = [...this.box.querySelectorAll("button")];
    const at = all.findIndex((button) => button === event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, to))].focus();
  }
}

function head() {
  return el("div", { class: "row head", "aria-hidden": "true" }, ...["Model", "Served by", "Runs"].map((text) => el("span", {}, text)));
}

/** @param {Branch} branch */
function ticks(branch) {
  const made = el("span", { class: "ticks" });
  for (const { engine, ok, reason } of branch.ticks) {
    const words = el("span", { class: "unseen" }, ok ? "can be served by " : "can't be served by ");
    const mark = el("span", { "aria-hidden": "true" }, ok ? "✓ " : "✗ ");
    made.append(el("span", { class: ok ? "yes" : "no", title: reason }, words, mark, engine), " ");
  }
  return made;
}

export default mount(LineageView);
