// The three dialogs: the keys and their change, every place like this one, and finishing with cues left unanswered.

class Dialogs {
  constructor(annotator) {
    this.annotator = annotator;
    this.el = el("dialog", { class: "ask" });
    this.el.onclose = () => annotator.paper.scroller.focus({ preventScroll: true });
  }

  get open() {
    return this.el.open;
  }

  show(title, ...parts) {
    const close = button("×", "Close", "dialog-close", () => this.el.close(), { class: "icon" });
    this.el.setAttribute("aria-label", title);
    this.el.replaceChildren(el("header", {}, el("h2", {}, title), close), ...parts);
    if (!this.el.open) this.el.showModal();
  }

  help() {
    const { keymap } = this.annotator;
    const row = ([act, key, words]) => {
      const cap = button(key || "–", `Change the key for: ${words}`, `key-${act}`, () => this.change(act, cap), { class: "cap" });
      return [el("dt", {}, cap), el("dd", {}, words)];
    };
    const fixed = FIXED.flatMap(([key, words]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)]);
    this.show("Keys", el("p", { class: "quiet" }, "Press a key’s button, then the key you want instead. They are yours, in this browser."),
      el("dl", {}, ...keymap.list().flatMap(row), ...fixed),
      el("footer", {}, button("Back to the usual keys", "Forget every change", "keys-reset", () => {
        keymap.reset();
        this.annotator.drawPalette();
        this.help();
      })));
  }

  change(act, cap) {
    cap.textContent = "press";
    const heard = (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
      window.removeEventListener("keydown", heard, true);
      if (event.key !== "Escape" && event.key !== "Tab") this.annotator.keymap.set(act, event.key);
      this.annotator.drawPalette();
      this.help();
      this.el.querySelector(`[data-act="key-${CSS.escape(act)}"]`)?.focus();
    };
    window.addEventListener("keydown", heard, true);
  }

  // `places` are {start, end, context: [before, inside, after], machine}; all are on until one is taken out.
  every(label, places, accept) {
    const boxes = places.map((place, k) => {
      const input = el("input", { type: "checkbox", checked: true, "data-place": k });
      const [before, inside, after] = place.context;
      const line = el("label", { class: "place" }, input, el("span", { class: "kwic" }));
      const text = line.lastChild;
      appendText(text, `…${before}`);
      text.append(appendText(el("b"), inside));
      appendText(text, `${after}…`);
      return [input, line, place];
    });
    const chosen = () => boxes.filter(([input]) => input.checked).map(([, , place]) => place);
    const yes = button("", "Label the places that are ticked", "every-yes", () => {
      this.el.close();
      accept(chosen());
    }, { class: "main" });
    const say = () => {
      yes.textContent = `Label ${count(chosen().length, "place")}`;
      yes.disabled = chosen().length === 0;
    };
    boxes.forEach(([input]) => (input.onchange = say));
    say();
    this.show(`Every place like this one: ${label}`, el("div", { class: "places" }, ...boxes.map(([, line]) => line)),
      el("footer", {}, yes));
    yes.focus();
  }

  finish(open, { accept, refuse, leave }) {
    const choice = (words, act, action, main = false) =>
      button(words, words, act, () => {
        this.el.close();
        action();
      }, main ? { class: "main" } : {});
    this.show(`${count(open, "machine cue")} not answered yet`,
      el("p", { class: "quiet" }, "Only your answer counts: a cue nobody answered is taken for none."),
      el("footer", {}, choice(`Accept ${open === 1 ? "it" : "all"}, finish`, "finish-accept", accept),
        choice("None is a cue, finish", "finish-refuse", refuse),
        choice("Leave them, finish", "finish-leave", leave),
        choice("Go back", "finish-back", () => {}, true)));
  }
}
