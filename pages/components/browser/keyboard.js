// Keys pressed anywhere on the page, for components: Streamlit pages have no shortcuts of their own.

const FIELDS = "input, textarea, select, [role=textbox], [role=combobox]";
// Widgets that use letters or arrows themselves.
const WIDGETS = `${FIELDS}, [role=listbox], [role=menu], [role=grid], [role=slider], canvas`;

/**
 * Calls `answer` for keys that are nobody else's: not while a person types or a dialog is open, not with Ctrl, Alt or
 * Meta held, not once `root` has left the page.
 * @param {Element} root  the component's own
 * @param {(event: KeyboardEvent) => void} answer
 * @param {{ modifiers?: boolean, inWidgets?: boolean }} [options]  `modifiers` lets Ctrl and Alt through, `inWidgets`
 *   keys pressed in lists, menus and grids
 * @returns {() => void} ends the listening
 */
export function listenForKeys(root, answer, { modifiers = false, inWidgets = false } = {}) {
  /** @param {KeyboardEvent} event */
  const pressed = (event) => {
    if (!root.isConnected || event.defaultPrevented || event.isComposing || event.metaKey) return;
    if (!modifiers && (event.ctrlKey || event.altKey)) return;
    if (inside(event, inWidgets ? FIELDS : WIDGETS) || inDialog(event)) return;
    answer(event);
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

/** Behind a shadow root the event's target is the host; the path holds the field itself.
 * @param {KeyboardEvent} event @param {string} selector */
function inside(event, selector) {
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  return (target instanceof HTMLElement && target.isContentEditable) || target.closest(selector) !== null;
}

/** A dialog of Streamlit's stands in the document; one inside a component is seen in the event's path alone.
 * @param {KeyboardEvent} event */
function inDialog(event) {
  const path = event.composedPath();
  return document.querySelector("[role=dialog], dialog[open]") !== null || path.some((part) => part instanceof HTMLDialogElement);
}
