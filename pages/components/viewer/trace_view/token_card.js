// The small card at a token: how likely it was, and what else the model might have said. Texts are text nodes.

import { button } from "../../browser/button.js";
import { el } from "../../browser/element.js";
import { isolatedName } from "../../browser/isolated_name.js";
import { appendText } from "../../browser/text_nodes.js";
import { percentOf, tokenFigures, visibleBlanks } from "./token_figures.js";

/** @typedef {import("./tokens.js").Tokens} Tokens */

export class TokenCard {
  /** With `actions` a card with buttons; without them it only shows.
   * @param {{ goOn(): void, close(): void } | null} [actions] */
  constructor(actions = null) {
    this.body = el("div", { class: "token-said" });
    this.goOn = actions && button("Go on from here", "Write the rest anew from this token (Enter)", "go-on-token", actions.goOn);
    const close = actions && button("×", "Close (Esc)", "token-close", actions.close, { class: "icon" });
    const attributes = actions
      ? { class: "token-card chosen", role: "group", "aria-label": "The chosen token" }
      : { class: "token-card", "aria-hidden": "true" };
    this.el = el("div", { ...attributes, hidden: true }, close, this.body, this.goOn);
  }

  /** @param {Tokens} tokens @param {number} token @param {string} text
   * @param {DOMRect} frame  of the pane, which the card stays inside @param {DOMRect} box  of the token */
  show(tokens, token, text, frame, box) {
    this.body.replaceChildren(...cardLines(tokens, token, text));
    this.el.hidden = false;
    const left = Math.min(box.left - frame.left, frame.width - this.el.offsetWidth - 26);
    const below = box.bottom - frame.top + 6;
    const above = box.top - frame.top - this.el.offsetHeight - 6;
    const top = below + this.el.offsetHeight > frame.height && above > 0 ? above : below;
    this.el.style.left = `${Math.max(6, left)}px`;
    this.el.style.top = `${Math.max(6, top)}px`;
  }

  hide() {
    this.el.hidden = true;
  }
}

/** @param {Tokens} tokens @param {number} token @param {string} text */
function cardLines(tokens, token, text) {
  const word = appendText(el("b", { class: "token-text", dir: "auto" }), visibleBlanks(text));
  const figures = tokenFigures(tokens, token).map((line) => appendText(el("p"), line));
  const list = tokens.alternatives(token).map((alternative) =>
    el("li", { class: alternative.text === text ? "said" : null },
      appendText(el("span", { class: "token-text", dir: "auto" }), visibleBlanks(alternative.text)),
      el("span", {}, percentOf(alternative.logprob))));
  return [word, ...figures, ...(list.length ? [el("ol", { "aria-label": "What it might have said" }, ...list)] : [])];
}

/** What the shades mean, with their numbers, and the means. @param {import("./tokens.js").TokenData} given */
export function tokenLegend(given) {
  const steps = given.steps.map(({ shade, label }) =>
    el("span", { class: "step" }, el("i", { class: shade ? `swatch token-${shade}` : "swatch" }), label));
  return el("div", { class: "legend", role: "group", "aria-label": "Colours of tokens" },
    isolatedName("span", given.title, { class: "legend-title" }), ...steps,
    given.said ? el("span", { class: "legend-means" }, given.said) : null);
}
