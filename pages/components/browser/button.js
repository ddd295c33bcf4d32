import { el } from "./element.js";

/** A button whose title is also its accessible name; `act` names it for tests and for giving the focus back.
 * @param {string} label @param {string} title @param {string | null} act
 * @param {(event: MouseEvent) => unknown} onclick
 * @param {Record<string, import("./element.js").AttributeValue>} [extra] */
export function button(label, title, act, onclick, extra = {}) {
  return el("button", { type: "button", title, "aria-label": title, "data-act": act, onclick, ...extra }, label);
}
