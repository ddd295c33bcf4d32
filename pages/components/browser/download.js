import { el } from "./element.js";

/** Saves `blob` as a file of the reader's. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = el("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // Revoked at once, the address is gone before some browsers have begun to read it.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
