/**
 * Redraws `box` and gives the focus back to the element that now bears the same `data-NAME` as the one that had it.
 * @param {Element} box
 * @param {string} name  one word
 * @param {() => void} redraw
 * @param {FocusOptions} [options]
 */
export function keepFocus(box, name, redraw, options = {}) {
  const mark = focusMark(box, name);
  redraw();
  if (mark !== undefined) focusMarked(box, name, mark, options);
}

/**
 * @param {Element} box
 * @param {string} name
 */
function focusMark(box, name) {
  const root = /** @type {Document | ShadowRoot} */ (box.getRootNode());
  const held = root.activeElement;
  return held instanceof HTMLElement && box.contains(held) ? held.dataset[name] : undefined;
}

/**
 * @param {Element} box
 * @param {string} name
 * @param {string} mark
 * @param {FocusOptions} options
 */
function focusMarked(box, name, mark, options) {
  // Compared in place: a mark may hold any character, and a selector would need it escaped.
  const all = /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll(`[data-${name}]`));
  for (const candidate of all) if (candidate.dataset[name] === mark) return candidate.focus(options);
}
