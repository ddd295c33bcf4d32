// What stands around a pane's text: its figures, its groups, its tools and notices.

import { button } from "../../browser/button.js";
import { count } from "../../browser/count.js";
import { el } from "../../browser/element.js";
import { isolatedName } from "../../browser/isolated_name.js";

/**
 * @typedef {import("./marked_text.js").MarkedText} MarkedText
 * @typedef {{ start: number, end: number }} LinkedRange  in code points
 */

/** @param {[value: string, label: string][]} facts @param {string | null | undefined} disagreement
 * @param {Node | null} spark */
export function factRow(facts, disagreement, spark) {
  const figures = facts.map(([value, label]) => el("span", {}, el("b", {}, value), ` ${label}`));
  const differ = disagreement ? el("span", { class: "differ" }, "≠ ", isolatedName("bdi", disagreement)) : null;
  return el("div", { class: "facts" }, ...figures, spark, differ);
}

/** A chip for each group that has cues; pressing it shows or hides them.
 * @param {MarkedText} doc @param {Set<string>} hidden  letters of groups that are off
 * @param {(letter: string) => void} toggle @param {number} units  what densities are counted by; 0 for no density */
export function groupChips(doc, hidden, toggle, units) {
  const counts = doc.groups.map((_, group) => doc.cues.filter((cue) => cue.group === group).length);
  return doc.groups.flatMap(({ letter, label }, group) => {
    if (!counts[group]) return [];
    const on = !hidden.has(letter);
    const number = counts[group].toLocaleString("en");
    const density = units ? ((1000 * counts[group]) / units).toFixed(1) : "";
    const attributes = { type: "button", class: `chip c${letter}`, "data-act": `group-${letter}`,
      title: `${on ? "Hide" : "Show"} ${label}${density && ` (${number}, ${density} per 1,000)`}`,
      "aria-label": `${label}, ${number}${density && `, ${density} per 1,000`}`, "aria-pressed": String(on),
      onclick: () => toggle(letter) };
    return [el("button", attributes, el("span", { class: "label" }, label), el("sup", {}, letter), " ", el("b", {}, number),
      density && el("small", {}, ` ${density}`))];
  });
}

/** @param {{ cue(step: number): void, hits(): void, copy(): void, download(): void }} actions */
export function toolRow(actions) {
  const icon = { class: "icon" };
  return el("div", { class: "tools", role: "toolbar", "aria-label": "Trace tools" },
    button("↑", "Previous cue (p)", "cue-back", () => actions.cue(-1), icon),
    el("span", { class: "cue-place" }),
    button("↓", "Next cue (n)", "cue-on", () => actions.cue(1), icon),
    button("hits", "List the cues in context (h)", "hits", actions.hits, { "aria-expanded": "false" }),
    button("copy", "Copy the whole text", "copy", actions.copy),
    button(".txt", "Download the text", "download", actions.download));
}

/** @param {boolean} windowed  whether only a part of the text is drawn
 * @param {import("./marked_text.js").MathData | null} mathematics @param {LinkedRange | null} active
 * @param {() => void} clear */
export function notices(windowed, mathematics, active, clear) {
  const lines = [];
  if (windowed) {
    lines.push(el("p", {}, "A long trace: only the part in view is drawn, so the browser’s own search sees that part alone. " +
      "The list of hits and the download hold all of it."));
  }
  const left = (mathematics?.left ?? 0) + (mathematics?.failed ?? 0);
  if (left) lines.push(el("p", {}, `${count(left, "formula", "formulas")} can’t be drawn and ${left === 1 ? "stays" : "stay"} as source.`));
  if (active) {
    lines.push(el("p", { class: "linked-range" }, `Linked: characters ${active.start}–${active.end} `,
      button("×", "Remove the mark", "range-clear", clear, { class: "icon" })));
  }
  return el("div", { class: "notices" }, ...lines);
}
