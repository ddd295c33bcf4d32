import { el } from "./element.js";

/** Puts `text` on the clipboard; false where the browser refuses. @param {string} text @returns {Promise<boolean>} */
export async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The clipboard interface is missing on plain http from another machine; the older command still works there.
    const area = el("textarea", { "aria-hidden": "true" });
    area.style.cssText = "position:fixed;opacity:0";
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
