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
  return at === undefined ? -1 : start + at;
}

/**
 * Whether character `at` of a text node is drawn over a point of the window, give or take a pixel at its sides.
 * @param {Text} node
 * @param {number} at
 * @param {number} x
 * @param {number} y
 */
function covers(node, at, x, y) {
  if (at < 0 || at >= node.length) return false;
  const range = document.createRange();
  range.setStart(node, at);
  range.setEnd(node, at + 1);
  return [...range.getClientRects()].some((box) => x >= box.left - 1 && x <= box.right + 1 && y >= box.top && y <= box.bottom);
}
