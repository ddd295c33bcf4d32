// Making elements. Strings become text nodes and nothing else: no markup is parsed anywhere.

/**
 * @typedef {string | number | boolean | null | undefined | ((event: any) => unknown)} AttributeValue
 *   null, undefined and false leave the attribute out, true sets it empty
 * @typedef {Node | string | null | undefined} Child  null, undefined and "" are left out
 */

/** An element with attributes, `on...` handlers and children.
 * @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag
 * @param {Record<string, AttributeValue>} [attributes] @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]} */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") Reflect.set(node, name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter(isShown));
  return node;
}

/** @param {Child} child @returns {child is Node | string} */
function isShown(child) {
  return child !== null && child !== undefined && child !== "";
}
