// The labels of a project's scheme as they look: a letter and a colour each.

/**
 * A label of the scheme as the page sends it.
 * @typedef {{key: string, name: string, letter: string, group: string | null, negative: boolean, description: string}} LabelKind
 */
/** What is drawn of it; `style` is the CSS variable of its colour. @typedef {Pick<LabelKind, "key" | "name" | "letter" | "negative"> & {style: string}} DrawnKind */

const SPARE_STYLE = "--sth-a";

/** How the label `key` is drawn.
 * @param {LabelKind[]} labels @param {string} key @returns {DrawnKind} */
export function drawnKind(labels, key) {
  const label = labels.find((one) => one.key === key);
  // A label that the scheme has lost since still stands in old rows.
  if (!label) return { key, name: key, letter: "?", style: SPARE_STYLE, negative: false };
  const { name, letter, group, negative } = label;
  return { key, name, letter, negative, style: group ? `--sth-group-${letter.toLowerCase()}` : SPARE_STYLE };
}
