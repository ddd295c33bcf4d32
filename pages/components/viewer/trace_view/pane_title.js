// The first row of a pane: who wrote the trace and how it was judged.

import { button } from "../../browser/button.js";
import { el } from "../../browser/element.js";
import { isolatedName } from "../../browser/isolated_name.js";

/**
 * @typedef {{ right: boolean | null, answer: string | null, words: string | null, disagreement?: string | null }} Verdict
 * @typedef {{ number: number, of: number }} Sample
 * @typedef {object} Title
 * @property {string | null} tag
 * @property {string} title
 * @property {string} subtitle
 * @property {Verdict | null} verdict
 * @property {Sample | null} sample
 * @property {string | null} link
 */

/** @type {Record<string, [style: string, sign: string, word: string]>} */
const VERDICTS = { true: ["ok", "✓", "right"], false: ["no", "✕", "wrong"], null: ["open", "○", "not judged"] };

/** @param {Title} pane @param {(by: number) => void} step asks for another sample */
export function titleRow({ tag, title, subtitle, verdict, sample, link }, step) {
  const name = isolatedName("h2", title, { title });
  const place = safeLink(link);
  const heading = place ? el("a", { href: place, target: "_self", class: "open-link" }, name) : name;
  return el("header", {},
    tag ? el("span", { class: `tag ${tag}` }, tag) : null,
    el("div", { class: "names" }, heading, subtitle ? isolatedName("small", subtitle, { title: subtitle }) : null),
    verdict ? verdictMark(verdict) : null,
    sample ? sampleArrows(sample, step) : null);
}

/** An address of this app; null for any other. @param {string | null} link */
export function safeLink(link) {
  if (!link) return null;
  const address = new URL(link, window.location.href);
  return address.origin === window.location.origin && /^https?:$/.test(address.protocol) ? address.href : null;
}

/** @param {Verdict} verdict */
export function verdictMark({ right, answer, words }) {
  const [style, sign, word] = VERDICTS[String(right)];
  const mark = el("span", { class: `verdict ${style}` }, `${sign} ${words ?? word}`);
  if (answer) mark.append(" · ", isolatedName("bdi", answer, { class: "answer", title: answer }));
  return mark;
}

/** @param {Sample} sample @param {(by: number) => void} step */
function sampleArrows({ number, of }, step) {
  const back = button("‹", "Previous sample", "sample-back", () => step(-1), { class: "icon", disabled: number <= 1 });
  const on = button("›", "Next sample", "sample-on", () => step(1), { class: "icon", disabled: number >= of });
  return el("span", { class: "smp" }, back, `${number} of ${of}`, on);
}
