// Beside the text: the guidelines, and the labels that stand, each with its use, its comment and its history.

class Rail {
  constructor(annotator) {
    this.annotator = annotator;
    this.guide = el("details", { class: "guide" });
    this.list = el("ol", { class: "labels", "aria-label": "Labels of this item" });
    this.title = el("h2");
    this.el = el("aside", { class: "rail", "aria-label": "Guidelines and labels" }, this.guide, this.title, this.list);
  }

  guidelines({ text, version }, wasOpen) {
    const body = el("div", { class: "guide-text" });
    appendText(body, text || "This project has no guidelines yet.");
    this.guide.replaceChildren(el("summary", {}, `Guidelines, version ${version}`), body);
    if (wasOpen !== undefined) this.guide.open = wasOpen;
  }

  draw(rows) {
    const { annotator } = this;
    const active = this.list.getRootNode().activeElement;
    const focused = active?.dataset?.focus;
    const draft = focused === "comment" ? [annotator.current?.root, active.value, active.selectionStart, active.selectionEnd] : null;
    this.title.textContent = rows.length ? count(rows.length, "label") : "No labels yet";
    this.list.replaceChildren(...rows.map((row) => this.row(row)));
    if (!rows.length) {
      const words = annotator.writable
        ? "Choose words with the mouse or the arrow keys, then press a label’s number. ? shows every key."
        : annotator.data.why;
      this.list.append(el("li", { class: "none" }, words));
    }
    if (focused) this.list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    if (draft) this.goOnWriting(...draft);
  }

  // What somebody is in the middle of writing outlives the list's being drawn anew.
  goOnWriting(root, value, start, end) {
    const area = this.list.querySelector(`[data-root="${CSS.escape(root ?? "")}"] textarea`);
    if (!area) return;
    area.value = value;
    area.setSelectionRange(start, end);
  }

  row(row) {
    const { annotator } = this;
    const kind = annotator.kind(row.label);
    const current = annotator.current?.root === row.root;
    const quote = el("button", { type: "button", class: "quote", "data-focus": `q${row.root}`, onclick: () => annotator.goTo(row) });
    quote.append(letterOf(kind), appendText(el("span"), row.quote.replace(/\s+/g, " ")));
    const line = el("li", { class: current ? "row current" : "row", "data-root": row.root }, quote,
      el("span", { class: "what" }, appendText(el("span"), kind.name), row.flag ? el("i", {}, ` · ${row.flag}`) : null,
        row.refused ? el("i", { class: "bad" }, " · not saved") : row.seq === undefined ? el("i", {}, " · saving") : null));
    if (row.comment && !current) line.append(appendText(el("p", { class: "said" }), row.comment));
    if (current) line.append(this.details(row));
    return line;
  }

  details(row) {
    const { annotator } = this;
    const uses = annotator.data.flags.map((flag) =>
      button(flag, `This is ${flag}`, `use-${flag}`, () => annotator.change(row, { flag: row.flag === flag ? "" : flag }), {
        class: "use", "aria-pressed": String(row.flag === flag), "data-focus": `u${flag}`, disabled: !annotator.writable,
      }));
    const comment = el("textarea", { rows: 2, "aria-label": "Comment on this label", placeholder: "Comment", maxlength: 2000,
      "data-focus": "comment", disabled: !annotator.writable });
    comment.value = row.comment;
    comment.onchange = () => annotator.change(row, { comment: comment.value });
    comment.onkeydown = (event) => {
      if (event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
        annotator.paper.scroller.focus({ preventScroll: true });
      }
    };
    const past = annotator.book.history(row.root);
    const history = past.length > 1 ? el("details", { class: "past" }, el("summary", {}, `${past.length} versions`),
      el("ol", {}, ...past.map((old) => el("li", {}, pastWords(old, annotator))))) : null;
    const drop = button("Take back", "Take this label back (d)", "withdraw", () => annotator.withdraw(row), { disabled: !annotator.writable });
    return el("div", { class: "details" }, el("div", { class: "uses", role: "group", "aria-label": "How it is used here" }, ...uses),
      comment, el("div", { class: "foot" }, drop, history));
  }

  focusComment() {
    this.list.querySelector("[data-focus=comment]")?.focus();
  }
}

function letterOf({ letter, style }) {
  const mark = el("span", { class: "letter", "aria-hidden": "true" }, letter);
  mark.style.color = `var(${style})`;
  return mark;
}

function pastWords(row, annotator) {
  const time = row.at ? new Date(row.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : "";
  const what = row.op === "withdraw" ? "taken back" : [annotator.kind(row.label).name, row.flag, row.comment].filter(Boolean).join(" · ");
  return appendText(el("span"), `${time} ${what}${row.how ? ` (${row.how})` : ""}`);
}
