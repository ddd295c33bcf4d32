import { el } from "./element.js";
import { appendText } from "./text_nodes.js";

/** A name from outside (a model, a file) in an element of its own, so that its writing direction stays its own.
 * @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag @param {string} text
 * @param {Record<string, import("./element.js").AttributeValue>} [attributes] */
export function isolatedName(tag, text, attributes = {}) {
  return appendText(el(tag, { ...attributes, dir: "auto" }), text);
}
