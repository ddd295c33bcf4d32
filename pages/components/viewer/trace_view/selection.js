// What leaves the viewer: the selected characters as text or as a link, the whole text as clipboard or file.

// Selection inside a shadow tree is hidden from getRangeAt; composed ranges show it.
function selectedRange(root) {
  const selection = document.getSelection();
  if (!selection || selection.rangeCount === 0) return null;
  if (!(root instanceof ShadowRoot)) return selection.getRangeAt(0);
  if (selection.getComposedRanges) return selection.getComposedRanges({ shadowRoots: [root] })[0] ?? null;
  return root.getSelection?.().getRangeAt(0) ?? null;
}

// The clipboard interface is missing on plain http from another machine; the older command still works there.
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
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

function saveFile(text, name) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = el("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// The page's own address, asking for characters [start, end) of a pane, in code points.
function permalink(pane, start, end) {
  const address = new URL(window.location.href);
  address.searchParams.set("range", `${start}-${end}`);
  address.searchParams.set("pane", pane);
  return address.toString();
}

// The small bar that appears at a selection.
class SelectionBar {
  constructor(pane) {
    this.pane = pane;
    this.where = el("span", { class: "where" });
    this.link = button("Copy link", "Copy a link to these characters", "copy-link", () => this.copyLink());
    const copy = button("Copy text", "Copy these characters", "copy-selection", () => this.copyText());
    this.goOn = button("Go on from here", "Write the rest anew from where the selection begins", "go-on", () => this.ask());
    this.el = el("div", { class: "selected", role: "toolbar", "aria-label": "Selected characters", hidden: true },
      this.where, this.link, copy, this.goOn);
    this.el.onpointerdown = (event) => event.preventDefault(); // a click here must not drop the selection
  }

  update() {
    const { body } = this.pane;
    const selected = selectedRange(body.scroller.getRootNode());
    const empty = !selected || (selected.startContainer === selected.endContainer && selected.startOffset === selected.endOffset);
    this.parts = empty || !body.scroller.contains(selected.startContainer) ? [] : body.parts(selected);
    this.el.hidden = this.parts.length === 0;
    if (this.parts.length) this.place(selected);
  }

  place(selected) {
    const [doc, start, end] = this.parts.at(-1);
    const inText = doc.name === "text" && this.parts.length === 1;
    this.points = [doc.offsets.toPoints(start), doc.offsets.toPoints(end)];
    this.where.textContent = inText ? `characters ${this.points[0]}–${this.points[1]}` : doc.name;
    this.where.dataset.range = this.points.join("-");
    this.link.hidden = !inText;
    this.goOn.hidden = !inText || !this.pane.viewer.options.goOn;
    const range = document.createRange();
    range.setStart(selected.endContainer, selected.endOffset);
    const box = range.getClientRects()[0] ?? selected.endContainer.parentElement.getBoundingClientRect();
    const frame = this.pane.body.scroller.parentElement.getBoundingClientRect();
    const left = Math.min(box.left - frame.left, frame.width - this.el.offsetWidth - 26);
    const top = Math.min(box.bottom - frame.top + 6, frame.height - this.el.offsetHeight - 6);
    this.el.style.left = `${Math.max(6, left)}px`;
    this.el.style.top = `${Math.max(6, top)}px`;
  }

  focus() {
    this.el.querySelector("button:not([hidden])").focus();
  }

  text() {
    return this.parts.map(([doc, start, end]) => doc.slice(start, end)).join("\n");
  }

  ask() {
    this.pane.viewer.send("place", { pane: this.pane.data.id, at: this.points[0] });
  }

  async copyLink() {
    const done = await toClipboard(permalink(this.pane.data.id, ...this.points));
    this.pane.say(done ? "Link copied" : "The browser refused to copy");
  }

  async copyText() {
    const done = await toClipboard(this.text());
    this.pane.say(done ? "Text copied" : "The browser refused to copy");
  }
}

// One highlight serves every viewer of the page; each adds and removes its own ranges.
function highlight(name) {
  if (!globalThis.Highlight || !CSS.highlights) return null;
  if (!CSS.highlights.has(name)) CSS.highlights.set(name, new Highlight());
  return CSS.highlights.get(name);
}
