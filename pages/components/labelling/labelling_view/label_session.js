// One person's work on one item's labels: writing rows to the log and the outbox, and undoing step by step.

import { LabelLog, newRow, withdrawal } from "./label_log.js";

/** @import { BrowserStorage } from "./browser_storage.js" */
/** @import { LabelRow } from "./label_log.js" */
/** @import { Outbox } from "./outbox.js" */

/** What one act changed: each label's root and how it stood before; null where it didn't exist. @typedef {{root: string, before: LabelRow | null}[]} UndoStep */

// The browser keeps about 5 MB for the whole site, waiting labels among them.
const MOST_UNDO_STEPS = 500;

export class LabelSession {
  /** @param {{item: string, rows: LabelRow[], outbox: Outbox, storage: BrowserStorage}} parts `rows` are the server's */
  constructor({ item, rows, outbox, storage }) {
    this.item = item;
    this.outbox = outbox;
    this.storage = storage;
    this.log = new LabelLog(rows);
    // Rows an earlier page left unsent stand here too; on the wire a new label names no root.
    for (const row of outbox.rows) if (row.item === item) this.log.add({ ...row, root: row.root || row.id });
    /** @type {UndoStep[]} kept in the browser, so that undo goes on where it was before a reload */
    this.undoSteps = storage.get("undo", item) ?? [];
  }

  /** Writes rows as one act: one step to undo, however many rows it has. @param {LabelRow[]} rows */
  write(rows) {
    const latest = this.log.latest();
    this.undoSteps.push(rows.map((row) => ({ root: row.root, before: latest.get(row.root) ?? null })));
    this.undoSteps = this.undoSteps.slice(-MOST_UNDO_STEPS);
    this.append(rows);
  }

  /** Takes the last act back by writing what stood before: nothing is ever removed from the log.
   * @returns {boolean} false where there is nothing to undo */
  undo() {
    const step = this.undoSteps.pop();
    if (!step) return false;
    const latest = this.log.latest();
    this.append(step.flatMap(({ root, before }) => {
      const now = latest.get(root);
      if (!now) return []; // it was refused and put aside
      if (before && before.op !== "withdraw") return [newRow({ ...before, how: "undo" })];
      return now.op === "withdraw" ? [] : [withdrawal(now, "undo")];
    }));
    return true;
  }

  /** @param {LabelRow[]} rows */
  append(rows) {
    rows.forEach((row) => this.log.add(row));
    this.storage.set("undo", this.item, this.undoSteps);
    this.outbox.add(this.item, rows);
  }

  /** Takes an answer of the server's: which rows it has now, and rows of other tabs.
   * @param {Map<string, number>} saved @param {LabelRow[]} news
   * @returns {boolean} whether anything looks different now */
  learn(saved, news) {
    for (const [id, seq] of saved) this.log.acknowledge(id, seq);
    const learned = news.filter((row) => this.log.learn(row)).length;
    return saved.size > 0 || learned > 0;
  }

  /** Drops the rows the server refused. */
  dropRefused() {
    this.outbox.refused.forEach(({ row }) => row && this.log.drop(row.id));
    this.outbox.forgetRefused();
  }
}
