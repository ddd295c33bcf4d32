// Drawing a stretch of a text. Layers that overlap each other belong in CSS highlights, which need no elements, as the
// colours of tokens do.

import { el } from "../../browser/element.js";
import { appendText } from "../../browser/text_nodes.js";
import { paintCue } from "./cue_paint.js";
import { MATH_ATTRIBUTES, MATH_ELEMENTS, MATH_TOKENS } from "./math_names.js";

/**
 * @typedef {import("./marked_text.js").MarkedText} MarkedText
 * @typedef {{ node: Text, start: number }} Carrier  a text node and where it begins in the text
 */

const MATHML = "http://www.w3.org/1998/Math/MathML";
const LONG_FORMULA = 70;

/** Draws doc.text[start:end] into parent and returns the carriers of its offsets, in order.
 * @param {ParentNode} parent @param {MarkedText} doc @param {number} start @param {number} end */
export function paintText(parent, doc, start, end) {
  /** @type {Carrier[]} */ const carriers = [];
  /** @type {import("./cue_paint.js").Carry} */ const carry = (node, at) => carriers.push({ node, start: at });
  let at = start;
  for (const span of doc.spansIn(start, end)) {
    appendText(parent, doc.text, at, span.start, carry);
    if (span.kind === "cue") paintCue(parent, doc, span, carry);
    else paintFormula(parent, doc, span, carry);
    at = span.end;
  }
  appendText(parent, doc.text, at, end, carry);
  return carriers;
}

/** A formula as MathML over its hidden source, which carries the offsets; as source where it can't be drawn.
 * @param {ParentNode} parent @param {MarkedText} doc @param {import("./marked_text.js").Formula} formula
 * @param {import("./cue_paint.js").Carry} carry */
function paintFormula(parent, doc, { start, end, display, tree }, carry) {
  const long = !display && end - start > LONG_FORMULA;
  const source = appendText(el("span", { class: "src" }), doc.text, start, end, carry);
  const drawn = mathTree(tree);
  if (!drawn) {
    parent.append(source);
    return;
  }
  const math = document.createElementNS(MATHML, "math");
  if (display) math.setAttribute("display", "block");
  math.append(drawn);
  parent.append(el("span", { class: `fx${display ? " display" : ""}${long ? " long" : ""}` }, source, math));
}

/** A tree the server sent, element by element, each checked again; null where anything isn't on the list.
 * @param {import("./marked_text.js").MathTree} tree @returns {Element | null} */
function mathTree(tree) {
  if (!Array.isArray(tree) || !MATH_ELEMENTS.has(tree[0])) return null;
  const [tag, attributes, ...children] = tree;
  const node = document.createElementNS(MATHML, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (MATH_ATTRIBUTES.has(name) && /^[\w .%+-]{0,300}$/.test(value)) node.setAttribute(name, value);
  }
  for (const child of children) {
    if (typeof child === "string") {
      if (!MATH_TOKENS.has(tag)) return null;
      node.append(document.createTextNode(child));
    } else {
      const made = mathTree(child);
      if (!made) return null;
      node.append(made);
    }
  }
  return node;
}
