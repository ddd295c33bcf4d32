// The component: panes side by side, what they share, and Streamlit's way in (the default export) and out (send).

const VIEWERS = new WeakMap();
const STACKED_WINDOW = 760;
const STACKED_FRAME = 440;

class Viewer {
  constructor(parent) {
    this.parent = parent;
    this.panes = [];
    this.active = null;
    this.hidden = new Set();
    this.linked = new Linked(this);
    this.build();
    this.stopKeys = listen(this);
    this.selectionChanged = debounce(() => this.panes.forEach((pane) => pane.bar.update()), 80);
    document.addEventListener("selectionchange", this.selectionChanged);
    this.resized = onFrame(() => this.fit());
    window.addEventListener("resize", this.resized);
    this.observer = new ResizeObserver(this.resized);
    this.observer.observe(document.body);
  }

  build() {
    this.grid = el("div", { class: "panes" });
    this.status = el("div", { class: "status", role: "status", "aria-live": "polite" });
    this.toast = el("div", { class: "toast", "aria-hidden": "true" });
    const switches = { class: "switch", "aria-pressed": "false" };
    this.link = button("Scroll together", "Scroll the panes together (s)", "link", () => this.toggleLink(), switches);
    this.math = button("Draw mathematics", "Mathematics as source or drawn (m)", "mathematics",
      () => this.toggleMathematics(), switches);
    this.hints = el("span", { class: "keys" });
    this.help = helpDialog();
    this.footer = el("footer", {}, this.link, this.math, this.toast, this.hints);
    this.frame = el("div", { class: "frame" }, this.grid, this.footer, this.status, this.help);
    this.root = el("div", { class: "tv" }, this.frame);
    this.parent.append(this.root);
  }

  update(component) {
    const { data } = component;
    this.root.dataset.given = String(performance.now());
    this.component = component;
    if (this.options === undefined) this.linked.on = data.options.scrollTogether;
    const opening = this.options === undefined;
    this.options = data.options;
    this.mathematics = data.mathematics;
    this.waiting = false;
    this.frame.dataset.fit = data.options.fit;
    this.setPanes(data.panes.length);
    this.fit();
    this.panes.forEach((pane, index) => {
      const given = data.panes[index];
      pane.update(given, data.groups, data.active?.pane === given.id ? data.active : null);
    });
    if (opening && data.options.hitsOpen) this.panes.forEach((pane) => pane.toggleHits(true));
    this.drawFooter();
    fillHelp(this.help, this);
    this.markPainted();
  }

  setPanes(number) {
    while (this.panes.length > number) this.panes.pop().destroy();
    while (this.panes.length < number) {
      const pane = new Pane(this);
      this.panes.push(pane);
      this.grid.append(pane.el);
    }
    this.grid.dataset.panes = String(number);
    if (!this.panes.includes(this.active)) [this.active] = this.panes;
    this.panes.forEach((pane) => pane.el.classList.toggle("active", pane === this.active));
  }

  // The height from the viewer's top to the bottom of what scrolls the page, as if the page stood at its top.
  fit() {
    const width = this.root.getBoundingClientRect().width;
    const narrow = window.innerWidth <= STACKED_WINDOW || width <= STACKED_FRAME;
    this.frame.classList.toggle("stacked", narrow && this.panes.length > 1);
    if (this.options.fit !== "window") return;
    const host = this.root.getRootNode().host ?? this.root;
    const page = host.closest('[data-testid="stMain"]') ?? document.scrollingElement;
    const pageTop = page === document.scrollingElement ? 0 : page.getBoundingClientRect().top;
    const top = this.root.getBoundingClientRect().top - pageTop + page.scrollTop;
    const height = Math.max(this.options.minimum, Math.floor(page.clientHeight - top - this.options.reserve));
    this.frame.style.setProperty("--tv-height", `${height}px`);
    this.panes.forEach((pane) => pane.drawView());
  }

  activate(pane) {
    globalThis[ACTIVE_VIEWER] = this;
    if (pane === this.active) return;
    this.active = pane;
    this.panes.forEach((each) => each.el.classList.toggle("active", each === pane));
  }

  step(by) {
    const at = this.panes.indexOf(this.active);
    const pane = this.panes[Math.min(this.panes.length - 1, Math.max(0, at + by))];
    this.activate(pane);
    pane.el.scrollIntoView({ block: "nearest", inline: "nearest" });
    pane.body.scroller.focus({ preventScroll: true });
    this.say(`Pane ${pane.data.tag ?? ""} ${pane.data.title}`, true);
  }

  toggleGroup(letter) {
    if (!this.hidden.delete(letter)) this.hidden.add(letter);
    this.frame.classList.toggle(`off-${letter}`, this.hidden.has(letter));
    this.panes.forEach((pane) => pane.groupsChanged());
  }

  toggleLink() {
    this.linked.on = !this.linked.on;
    this.drawFooter();
    this.say(this.linked.on ? "Panes scroll together" : "Panes scroll apart");
  }

  // The server converts formulas once asked; its answer arrives as new data.
  toggleMathematics() {
    if (this.waiting) return;
    this.mathematics = !this.mathematics;
    this.waiting = true;
    this.drawFooter();
    this.component.setStateValue("mathematics", this.mathematics);
  }

  escape() {
    const { bar, body } = this.active;
    if (bar.el.contains(bar.el.getRootNode().activeElement)) body.scroller.focus({ preventScroll: true });
    document.getSelection()?.removeAllRanges();
    this.active.toggleHits(false);
  }

  drawFooter() {
    const several = this.panes.length > 1;
    this.link.hidden = !several;
    this.link.setAttribute("aria-pressed", String(this.linked.on));
    this.math.setAttribute("aria-pressed", String(this.mathematics));
    this.math.toggleAttribute("aria-busy", this.waiting);
    const words = ["n next cue", "p previous", ...(several ? ["[ ] pane"] : []),
      ...(this.options.problemKeys || this.options.listKeys ? ["j k problem"] : [])];
    const help = button("? keys", "Keys", "help", () => this.help.showModal());
    this.hints.replaceChildren(...(this.options.keys ? [el("span", {}, words.join(" · ")), help] : []));
  }

  say(words, silent = false) {
    this.status.textContent = words;
    this.toast.textContent = silent ? "" : words;
    clearTimeout(this.fading);
    this.fading = setTimeout(() => (this.toast.textContent = ""), 4_000);
  }

  send(name, value) {
    this.component.setTriggerValue(name, value);
  }

  // Two frames after the change the browser has painted it; tests and the benchmark read when.
  markPainted() {
    requestAnimationFrame(() => requestAnimationFrame(() => (this.root.dataset.painted = String(performance.now()))));
  }

  destroy() {
    this.stopKeys();
    document.removeEventListener("selectionchange", this.selectionChanged);
    window.removeEventListener("resize", this.resized);
    this.observer.disconnect();
    this.panes.forEach((pane) => pane.destroy());
    this.root.remove();
    if (globalThis[ACTIVE_VIEWER] === this) delete globalThis[ACTIVE_VIEWER];
  }
}

export default function (component) {
  const { parentElement } = component;
  if (!VIEWERS.has(parentElement)) VIEWERS.set(parentElement, new Viewer(parentElement));
  const viewer = VIEWERS.get(parentElement);
  viewer.update(component);
  return () => {
    viewer.destroy();
    VIEWERS.delete(parentElement);
  };
}
