/** The height in pixels from `root`'s top to the bottom of what scrolls the page, as if the page stood at its top.
 * @param {HTMLElement} root */
export function heightBelow(root) {
  const tree = root.getRootNode();
  const host = tree instanceof ShadowRoot ? tree.host : root;
  const whole = document.scrollingElement ?? document.documentElement;
  const page = host.closest('[data-testid="stMain"]') ?? whole;
  const pageTop = page === whole ? 0 : page.getBoundingClientRect().top;
  return page.clientHeight - (root.getBoundingClientRect().top - pageTop + page.scrollTop);
}
