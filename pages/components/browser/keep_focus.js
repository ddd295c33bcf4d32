/**
 * Redraws `box` and gives the focus back to the element that now bears the same `data-NAME` as the one that had it.
 * @param {Element} box
 * @param {string} name  one word
 * @param {() => void} redraw
 * @param {FocusOptions & { fallback?: string }} [options]  `fallback` selects who gets it where nobody bears the mark
 */
export function keepFocus(box, name, redraw, options = {}) {
  const { activeElement: held } = /** @type {Document | ShadowRoot} */ (box.getRootNode());
  const inside = held instanceof HTMLElement && box.contains(held);
  redraw();
  if (inside) focusMarked(box, name, held.dataset[name], options);
}

/** Gives the focus to the element of `box` whose `data-NAME` is `mark`, else to the fallback.
 * @param {Element} box @param {string} name @param {string | undefined} mark
 * @param {FocusOptions & { fallback?: string }} [options] */
export function focusMarked(box, name, mark, { fallback = "", ...options } = {}) {
  // Compared in place: a mark may hold any character, and a selector would need it escaped.
  const marked = /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll(`[data-${name}]`));
  const same = mark ? [...marked].find((element) => element.dataset[name] === mark) : null;
  const other = fallback ? /** @type {HTMLElement | null} */ (box.querySelector(fallback)) : null;
  (same ?? other)?.focus(options);
}
