// Drawing a stretch of a text. A new layer (a person's labels) is a kind of span and a painter here; layers that
// overlap each other belong in CSS highlights, which need no elements, as the colours of tokens do.

const MATHML = "http://www.w3.org/1998/Math/MathML";
const LONG_FORMULA = 70;

const PAINTERS = { cue: paintCue, formula: paintFormula };

// Draws doc.text[start:end] into parent; nodes gathers {node, start}, the carriers of offsets, in order.
function paintText(parent, doc, start, end, nodes) {
  const carry = (node, at) => nodes.push({ node, start: at });
  let at = start;
  for (const span of doc.spansIn(start, end)) {
    appendText(parent, doc.text, at, span.start, carry);
    PAINTERS[span.kind](parent, doc, span, carry);
    at = span.end;
  }
  appendText(parent, doc.text, at, end, carry);
}

// The letter and its spoken form are the style sheet's, so that the mark's text is the cue's and nothing else.
function paintCue(parent, doc, cue, carry) {
  const group = doc.groups[cue.group].label;
  const mark = el("mark", { class: `c${cue.letter}`, title: `${group}: ${cue.entry}`, "data-cue": cue.index });
  appendText(mark, doc.text, cue.start, cue.end, carry);
  parent.append(mark);
}

function paintFormula(parent, doc, formula, carry) {
  const long = !formula.display && formula.end - formula.start > LONG_FORMULA;
  const drawn = el("span", { class: `fx${formula.display ? " display" : ""}${long ? " long" : ""}` });
  const source = el("span", { class: "src" });
  appendText(source, doc.text, formula.start, formula.end, carry);
  const math = document.createElementNS(MATHML, "math");
  if (formula.display) math.setAttribute("display", "block");
  const tree = mathTree(formula.tree);
  if (!tree) {
    parent.append(source);
    return;
  }
  math.append(tree);
  drawn.append(source, math);
  parent.append(drawn);
}

// A tree the server sent, element by element, each checked again; null where anything isn't on the list.
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
