/**
 * The unit of a text under a point of the window; -1 where none of its characters is drawn there.
 * @param {Node} tree  the document or shadow tree to look in
 * @param {number} x
 * @param {number} y
 * @param {(node: Node) => number | undefined} startOf  where a text node begins in the text; undefined for a stranger
 */
export function unitUnder(tree, x, y, startOf) {
  const shadowRoots = tree instanceof ShadowRoot ? [tree] : [];
  const found = document.caretPositionFromPoint?.(x, y, { shadowRoots });
  const node = found?.offsetNode;
  const start = node ? startOf(node) : undefined;
  if (!found || !(node instanceof Text) || start === undefined) return -1;
  // The nearest gap between characters may lie on either side of the one that is pointed at.
  const at = [found.offset, found.offset - 1].find((place) => covers(node, place, x, y));
  if (at !== undefined) return start + at;
  const drawn = unitDrawn(tree, x, y, startOf);
  if (drawn >= 0) return drawn;
  // Beside a line's end by a pixel is still the character.
  const near = [found.offset, found.offset - 1].find((place) => covers(node, place, x, y, 1, 1));
  return near === undefined ? -1 : start + near;
}

/**
 * The same, sought by where characters are drawn: where writing directions meet, the nearest gap in the text may belong to
 * the far end of the other direction's stretch.
 * @param {Node} tree
 * @param {number} x
 * @param {number} y
 * @param {(node: Node) => number | undefined} startOf
 */
function unitDrawn(tree, x, y, startOf) {
  const element = /** @type {Document | ShadowRoot} */ (tree).elementFromPoint(x, y);
  for (const node of element?.childNodes ?? []) {
    const start = startOf(node);
    // Whole nodes first: beside the end of a line, which is where most such points are, there is nothing to seek.
    if (!(node instanceof Text) || start === undefined || !covers(node, 0, x, y, node.length)) continue;
    for (let at = 0; at < node.length; at += 1) if (covers(node, at, x, y)) return start + at;
  }
  return -1;
}

/** Whether characters of a text node from `at` on are drawn over a point of the window.
 * @param {Text} node @param {number} at @param {number} x @param {number} y @param {number} [many]
 * @param {number} [beside] pixels at their sides that count as theirs */
function covers(node, at, x, y, many = 1, beside = 0) {
  if (at < 0 || at + many > node.length) return false;
  const range = document.createRange();
  range.setStart(node, at);
  range.setEnd(node, at + many);
  return [...range.getClientRects()].some((box) => (
    x >= box.left - beside && x <= box.right + beside && y >= box.top && y <= box.bottom));
}
