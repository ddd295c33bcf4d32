/**
 * The CSS highlight of that name; null where the browser has none. One serves every component of the page, so that each
 * adds and removes its own ranges and never clears it.
 * @param {string} name
 * @returns {Highlight | null}
 */
export function highlight(name) {
  if (!globalThis.Highlight || !CSS.highlights) return null;
  const known = CSS.highlights.get(name);
  if (known) return known;
  const made = new Highlight();
  CSS.highlights.set(name, made);
  return made;
}
