// Making elements. Strings become text nodes and nothing else: no markup is parsed anywhere in the viewer.

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

function button(label, title, act, onclick, extra = {}) {
  return el("button", { type: "button", title, "aria-label": title, "data-act": act, onclick, ...extra }, label);
}

function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

// Characters a reader can't see but that change what is seen: controls, bidi controls, zero-width and tag characters,
// and a carriage return that ends no line. Each is drawn as its name, inside a bidi isolate where it has no effect.
const INVISIBLE = new RegExp(
  "(?:[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]|\\r(?!\\n)|\\udb40[\\udc00-\\udc7f\\udd00-\\uddef])",
  "g",
);
const INVISIBLE_NAMES = {
  0: "NUL", 7: "BEL", 8: "BS", 11: "VT", 12: "FF", 13: "CR", 27: "ESC", 127: "DEL", 0xad: "SHY", 0x61c: "ALM",
  0x200b: "ZWSP", 0x200e: "LRM", 0x200f: "RLM", 0x2028: "LS", 0x2029: "PS", 0x202a: "LRE", 0x202b: "RLE",
  0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO", 0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI",
  0x2069: "PDI", 0xfeff: "BOM",
};

function invisibleName(character) {
  const code = character.codePointAt(0);
  return INVISIBLE_NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

// Appends text[start:end] to parent as text nodes, invisible characters badged. onText(node, start) hears of each node.
function appendText(parent, text, start = 0, end = text.length, onText = null) {
  const add = (target, from, to) => {
    if (from >= to) return;
    const node = document.createTextNode(text.slice(from, to));
    target.append(node);
    if (onText) onText(node, from);
  };
  const seen = text.slice(start, end + 1); // one more, to tell a bare carriage return from a line's end
  let at = start;
  INVISIBLE.lastIndex = 0;
  for (let found = INVISIBLE.exec(seen); found && start + found.index < end; found = INVISIBLE.exec(seen)) {
    const from = start + found.index;
    add(parent, at, from);
    const badge = el("span", { class: "ctl", "data-name": invisibleName(found[0]) });
    parent.append(badge);
    at = Math.min(from + found[0].length, end);
    add(badge, from, at);
  }
  add(parent, at, end);
  return parent;
}

// A name from outside (a model, a file): isolated, so that its direction stays its own.
function named(tag, text, attributes = {}) {
  return appendText(el(tag, { ...attributes, dir: "auto" }), text);
}

function debounce(action, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}

function onFrame(action) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      action();
    });
  };
}
