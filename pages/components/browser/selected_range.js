/** What is selected in a document or shadow tree; null where nothing is.
 * @param {Node} root  as getRootNode() gives it @returns {AbstractRange | null} */
export function selectedRange(root) {
  const selection = document.getSelection();
  if (!selection || selection.rangeCount === 0) return null;
  if (!(root instanceof ShadowRoot)) return selection.getRangeAt(0);
  // In a shadow tree getRangeAt is retargeted to the host and looks collapsed; composed ranges show the selection.
  if (selection.getComposedRanges) return selection.getComposedRanges({ shadowRoots: [root] })[0] ?? null;
  // Older Chromium has no composed ranges but a selection of the shadow root's own.
  const own = /** @type {{ getSelection?: () => Selection }} */ (/** @type {unknown} */ (root));
  return own.getSelection?.().getRangeAt(0) ?? null;
}
