// Writing to the log and taking it back. Mixed into what holds a `book`, an `outbox`, `kept` and `data.item`, and can
// `draw` and `say`: the annotator’s view and the adjudicator’s.

const LOG_ACTS = {
  // One act is one step to undo, however many rows it writes.
  write(rows, undoing = false) {
    const last = this.book.last();
    if (!undoing) {
      this.undos.push(rows.map((row) => ({ root: row.root, before: last.get(row.root) ?? null })));
      this.undos = this.undos.slice(-500);
    }
    rows.forEach((row) => this.book.add(row));
    this.kept.set("undo", this.data.item, this.undos);
    this.outbox.put(this.data.item, rows);
    this.wrote();
    this.draw();
  },

  undo() {
    const step = this.undos.pop();
    if (!step) return this.say("There is nothing to undo here");
    const last = this.book.last();
    const rows = step.map(({ root, before }) => {
      const now = last.get(root);
      if (!now) return null;
      if (!before || before.op === "withdraw") return now.op === "withdraw" ? null : withdrawal(now, "undo");
      return rowOf({ ...before, how: "undo" });
    });
    this.write(rows.filter(Boolean), true);
    this.current = null;
    this.draw();
    return this.say("Undone");
  },

  learned(saved, rows) {
    for (const [id, seq] of saved) this.book.acknowledge(id, seq);
    const news = rows.filter((row) => this.book.learn(row)).length;
    if (saved.size || news) this.draw();
  },

  fit() {
    const host = this.root.getRootNode().host ?? this.root;
    const page = host.closest('[data-testid="stMain"]') ?? document.scrollingElement;
    const above = page === document.scrollingElement ? 0 : page.getBoundingClientRect().top;
    const top = this.root.getBoundingClientRect().top - above + page.scrollTop;
    this.root.style.setProperty("--an-height", `${Math.max(460, Math.floor(page.clientHeight - top - 16))}px`);
  },

  tellSaved() {
    const { rows, trouble } = this.outbox;
    const words = rows.length
      ? trouble ? `${count(rows.length, "label")} not saved yet: ${trouble}` : "saving…"
      : trouble && !this.outbox.busy ? `not saved yet: ${trouble}` : "all saved";
    if (this.saved.textContent !== words) this.saved.textContent = words;
    this.saved.classList.toggle("bad", Boolean(trouble));
    this.root.dataset.waiting = String(rows.length);
    this.tellRefused();
  },

  tellRefused() {
    const { refused } = this.outbox;
    this.refused.hidden = !refused.length;
    if (!refused.length) return;
    const text = appendText(el("span"), refused.at(-1).sentence);
    const more = refused.length > 1 ? ` And ${refused.length - 1} more.` : "";
    this.refused.replaceChildren(text, more, button("Put it aside", "Forget what was refused", "refused-forget", () => {
      refused.forEach(({ row }) => row && this.book.drop(row.id));
      this.outbox.forget();
      this.draw();
    }));
  },
};

function withdrawal(row, how = "keyboard") {
  return rowOf({ ...row, op: "withdraw", comment: "", reason: "", how });
}
