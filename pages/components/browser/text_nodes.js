// Text from outside as text nodes, with what can't be seen made visible.

import { el } from "./element.js";

// Characters a reader can't see but that change what is seen: controls, bidi controls, zero-width and tag characters,
// and a carriage return that ends no line. Each is drawn as its name, inside a bidi isolate where it has no effect.
const INVISIBLE = new RegExp(
  "(?:[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]|\\r(?!\\n)|\\udb40[\\udc00-\\udc7f\\udd00-\\uddef])",
  "g",
);
/** @type {Record<number, string>} */
const INVISIBLE_NAMES = {
  0: "NUL", 7: "BEL", 8: "BS", 11: "VT", 12: "FF", 13: "CR", 27: "ESC", 127: "DEL", 0xad: "SHY", 0x61c: "ALM",
  0x200b: "ZWSP", 0x200e: "LRM", 0x200f: "RLM", 0x2028: "LS", 0x2029: "PS", 0x202a: "LRE", 0x202b: "RLE",
  0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO", 0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI",
  0x2069: "PDI", 0xfeff: "BOM",
};

/** text[start:end] in stretches of what can be seen and single invisible characters, the latter with a name.
 * @param {string} text @param {number} start @param {number} end
 * @returns {{ from: number, to: number, name: string | null }[]} in UTF-16 units */
export function visibleStretches(text, start, end) {
  const found = [];
  const seen = text.slice(start, end + 1); // one more, to tell a bare carriage return from a line's end
  let at = start;
  // Called twice a cue: matchAll would make the expression anew each time.
  INVISIBLE.lastIndex = 0;
  for (let match = INVISIBLE.exec(seen); match && start + match.index < end; match = INVISIBLE.exec(seen)) {
    const from = start + match.index;
    if (from > at) found.push({ from: at, to: from, name: null });
    at = Math.min(from + match[0].length, end);
    found.push({ from, to: at, name: invisibleName(match[0]) });
  }
  if (at < end) found.push({ from: at, to: end, name: null });
  return found;
}

/** Appends text[start:end] to parent as text nodes, invisible characters badged.
 * @template {ParentNode} P @param {P} parent @param {string} text @param {number} [start] @param {number} [end]
 * @param {((node: Text, start: number) => void) | null} [onText] called for each text node with its place in the text
 * @returns {P} */
export function appendText(parent, text, start = 0, end = text.length, onText = null) {
  for (const { from, to, name } of visibleStretches(text, start, end)) {
    const node = document.createTextNode(text.slice(from, to));
    parent.append(name === null ? node : el("span", { class: "ctl", "data-name": name }, node));
    if (onText) onText(node, from);
  }
  return parent;
}

/** @param {string} character */
function invisibleName(character) {
  const code = character.codePointAt(0) ?? 0;
  return INVISIBLE_NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}
