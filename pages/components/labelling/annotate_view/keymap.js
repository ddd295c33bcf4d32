// Which key does what, and how a person changes it. Stands back while somebody types, while a dialog is open, and for
// keys a focused button would take.

const ACTS = [
  ["accept", "Enter", "accept the machine’s cue"],
  ["no", "x", "not a cue here"],
  ["next", "n", "next machine cue"],
  ["back", "p", "previous machine cue"],
  ["withdraw", "d", "take the label back"],
  ["undo", "u", "undo"],
  ["use", "t", "genuine doubt, filler or quoted"],
  ["comment", "c", "comment on the label"],
  ["every", "a", "label every place like this one"],
  ["forth", "j", "next item"],
  ["before", "k", "previous item"],
  ["flag", "f", "flag the item"],
  ["done", "e", "finish the item"],
  ["help", "?", "this help"],
];
const FIXED = [["← → ↑ ↓", "choose a word"], ["Shift + arrows", "choose more words"], ["Shift + Alt + ← →", "by characters"],
  ["Shift + mouse", "choose characters"], ["Esc", "let go of what is chosen"]];

class Keymap {
  constructor(kept, labels) {
    this.kept = kept;
    this.labels = labels;
    this.own = kept.get("keys", "map") ?? {};
  }

  // [act, key, words], the labels first.
  list() {
    const marks = this.labels.map(({ key, name }, k) => [`label:${key}`, k < 9 ? String(k + 1) : "", name]);
    return [...marks, ...ACTS].map(([act, key, words]) => [act, this.own[act] ?? key, words]);
  }

  keyFor(act) {
    return this.list().find(([name]) => name === act)?.[1] ?? "";
  }

  actFor(key) {
    return this.list().find(([, known]) => known && known === key)?.[0] ?? null;
  }

  // Another act that had the key gives it up.
  set(act, key) {
    for (const [other, known] of this.list()) if (known === key && other !== act) this.own[other] = "";
    this.own[act] = key;
    this.kept.set("keys", "map", this.own);
  }

  reset() {
    this.own = {};
    this.kept.remove("keys", "map");
  }
}

const ARROWS = { ArrowLeft: ["step", -1], ArrowRight: ["step", 1], ArrowUp: ["line", -1], ArrowDown: ["line", 1] };

// Calls act(name) or arrow(kind, by, extend, characters); returns what stops listening.
function listenFor(annotator) {
  const answer = (event) => {
    if (!annotator.root.isConnected || event.defaultPrevented || event.isComposing || event.metaKey) return;
    if (typing(event) || document.querySelector("[role=dialog], dialog[open]") || annotator.dialogs.open) return;
    const inside = event.composedPath().includes(annotator.root);
    const target = event.composedPath()[0];
    const pressed = target instanceof Element && target.closest("button, a, summary, [role=button], [role=tab]") !== null;
    if (event.key in ARROWS && (inside ? !pressed : target === document.body)) {
      event.preventDefault();
      const [kind, by] = ARROWS[event.key];
      annotator.arrow(kind, by, event.shiftKey, event.altKey || event.ctrlKey);
      return;
    }
    if (event.ctrlKey || event.altKey) return;
    if (event.key === "Escape") annotator.letGo();
    if (pressed && ["Enter", " "].includes(event.key)) return;
    const act = event.key === "Backspace" || event.key === "Delete" ? "withdraw" : annotator.keymap.actFor(event.key);
    if (!act) return;
    event.preventDefault();
    annotator.act(act);
  };
  document.addEventListener("keydown", answer);
  return () => document.removeEventListener("keydown", answer);
}
