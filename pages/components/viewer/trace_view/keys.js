// The keyboard. Listens on the document, because a page has no shortcuts of its own, but stands back while a person
// types, while a dialog is open and whenever a modifier is held. One viewer at a time answers.

const ACTIVE_VIEWER = Symbol.for("second-thoughts.trace-view.active");

const KEYS = [
  ["n", "next cue"],
  ["p", "previous cue"],
  ["h", "list of cues in context"],
  ["v", "select the cue, or else the first word in view; once more: what to do with it"],
  ["⇧ ← →", "let the selection grow or shrink"],
  ["m", "mathematics as source or drawn"],
  ["[", "the pane to the left", "panes"],
  ["]", "the pane to the right", "panes"],
  ["s", "scroll together", "panes"],
  ["j", "next problem", "problems"],
  ["k", "previous problem", "problems"],
  ["← →", "previous or next token, with colours on", "tokens"],
  ["Esc", "close the list or the bar"],
  ["?", "this help"],
];

function typing(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  return target.isContentEditable || target.closest("input, textarea, select, [role=textbox], [role=combobox], " +
    "[role=listbox], [role=menu], [role=grid], [role=slider], canvas") !== null;
}

function keyOf(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  if (typing(event) || document.querySelector("[role=dialog], dialog[open]")) return null;
  return event.key;
}

function actionsFor(viewer) {
  const several = viewer.panes.length > 1;
  const problems = viewer.options.problemKeys;
  return {
    n: () => viewer.active.nextCue(1),
    p: () => viewer.active.nextCue(-1),
    h: () => viewer.active.toggleHits(),
    v: () => viewer.active.select(),
    m: () => viewer.toggleMathematics(),
    "?": () => viewer.help.showModal(),
    Escape: () => viewer.escape(),
    ...(several && { "[": () => viewer.step(-1), "]": () => viewer.step(1), s: () => viewer.toggleLink() }),
    ...(problems && { j: () => viewer.send("move", 1), k: () => viewer.send("move", -1) }),
  };
}

function listen(viewer) {
  const answer = (event) => {
    const key = keyOf(event);
    if (key === null || !viewer.options.keys || !viewer.root.isConnected || viewer.help.open) return;
    const chosen = globalThis[ACTIVE_VIEWER];
    if (chosen && chosen !== viewer && chosen.root.isConnected) return;
    const act = actionsFor(viewer)[key];
    if (!act) return;
    if (key !== "Escape") event.preventDefault();
    act();
  };
  document.addEventListener("keydown", answer);
  return () => document.removeEventListener("keydown", answer);
}

function helpDialog() {
  const dialog = el("dialog", { class: "help", "aria-label": "Keys" });
  const close = button("×", "Close", "help-close", () => dialog.close(), { class: "icon" });
  dialog.onclick = (event) => {
    if (event.target === dialog) dialog.close();
  };
  dialog.append(el("header", {}, el("h2", {}, "Keys"), close), el("dl"));
  return dialog;
}

function fillHelp(dialog, viewer) {
  const shown = KEYS.filter(([, , when]) =>
    (when !== "panes" || viewer.panes.length > 1) && (when !== "tokens" || viewer.panes.some(({ data }) => data.tokens)) && (when !== "problems" || viewer.options.problemKeys || viewer.options.listKeys));
  const rows = shown.flatMap(([key, words]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)]);
  dialog.querySelector("dl").replaceChildren(...rows);
}
