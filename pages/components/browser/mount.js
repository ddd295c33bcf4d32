// Streamlit's way into a component.

/**
 * What Streamlit calls a component's default export with: at first, and again whenever data or theme change.
 * @template [Data=any]
 * @typedef {object} Component
 * @property {ShadowRoot} parentElement
 * @property {Data} data
 * @property {(name: string, value: unknown) => void} setTriggerValue  reported on one run
 * @property {(name: string, value: unknown) => void} setStateValue  reported until it changes
 */

/**
 * @template [Data=any]
 * @typedef {{ update(component: Component<Data>): void, destroy?(): void }} View
 */

/** A default export that makes one view for each place in the page, brings it up to date at each call and destroys it
 * when its place goes.
 * @template Data @param {new (parent: ShadowRoot) => View<Data>} ViewClass
 * @returns {(component: Component<Data>) => (() => void)} */
export function mount(ViewClass) {
  /** @type {WeakMap<ShadowRoot, View<Data>>} */ const views = new WeakMap();
  return (component) => {
    const { parentElement } = component;
    const view = views.get(parentElement) ?? new ViewClass(parentElement);
    views.set(parentElement, view);
    view.update(component);
    return () => {
      view.destroy?.();
      views.delete(parentElement);
    };
  };
}
