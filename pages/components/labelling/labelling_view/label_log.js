// The append-only log of one item's labels: every version of every label, and which of them stand. A label is a root; the
// last row of a root decides. Offsets here are code points, as in the store.

/** @typedef {{lexicon: string, entry: string, start: number, end: number}} MachineCue */
/**
 * One row of the log as the server sends it. A row that nobody has acknowledged yet has no `seq`; `order` is this
 * browser's own count of such rows.
 * @typedef {{
 *   id: string, root: string, op: string, start: number, end: number, quote: string, text_sha256: string,
 *   label: string, flag: string, comment: string, how: string, machine: MachineCue | null, reason: string,
 *   at: string, seq?: number, order?: number,
 * }} LabelRow
 */
/**
 * What a new row is made from; what is left out is empty.
 * @typedef {{
 *   root?: string, op?: string, start: number, end: number, quote: string, text_sha256: string, label: string,
 *   flag?: string, comment?: string, how?: string, machine?: MachineCue | null, reason?: string,
 * }} LabelFields
 */

export class LabelLog {
  /** @param {LabelRow[]} rows rows the server has */
  constructor(rows) {
    /** @type {Map<string, LabelRow>} by id */ this.rows = new Map();
    this.added = 0;
    this.lastSeq = 0;
    rows.forEach((row) => this.learn(row));
  }

  /** Takes a row of the server's. @param {LabelRow} row @returns {boolean} whether it is news */
  learn(row) {
    // Also for rows known already: the next request asks for what comes after this one.
    this.lastSeq = Math.max(this.lastSeq, row.seq ?? 0);
    if (this.acknowledge(row.id, row.seq)) return false;
    this.rows.set(row.id, { ...row });
    return true;
  }

  /** @param {string} id @param {number | undefined} seq its place in the server's log
   * @returns {boolean} whether the row is known here */
  acknowledge(id, seq) {
    const known = this.rows.get(id);
    if (known) known.seq = seq;
    return known !== undefined;
  }

  /** @param {LabelRow} row a row of this browser's that nobody has acknowledged yet */
  add(row) {
    this.rows.set(row.id, { ...row, order: (this.added += 1) });
  }

  /** @param {string} id */
  drop(id) {
    this.rows.delete(id);
  }

  /** @returns {Map<string, LabelRow>} the last row of every root, withdrawals included */
  latest() {
    const latest = new Map();
    for (const row of this.rows.values()) {
      const known = latest.get(row.root);
      if (!known || inOrder(known, row) < 0) latest.set(row.root, row);
    }
    return latest;
  }

  /** @returns {LabelRow[]} the labels that stand, by where they begin */
  standing() {
    return [...this.latest().values()]
      .filter((row) => row.op !== "withdraw")
      .sort((a, b) => a.start - b.start || a.end - b.end || (a.label < b.label ? -1 : 1));
  }

  /** @param {string} root @returns {LabelRow[]} every version of one label, the oldest first */
  history(root) {
    return [...this.rows.values()].filter((row) => row.root === root).sort(inOrder);
  }
}

/** What isn't acknowledged comes after all that is: the server gives it a higher number than any it has given.
 * @param {LabelRow} a @param {LabelRow} b */
function inOrder(a, b) {
  // Two numbers and not Infinity: Infinity - Infinity is NaN, which sorts as anything.
  const [first, second] = [a.seq ?? Number.MAX_SAFE_INTEGER, b.seq ?? Number.MAX_SAFE_INTEGER];
  return first - second || (a.order ?? 0) - (b.order ?? 0);
}

/** A row to write; a label that is new becomes its own root. @param {LabelFields} fields @returns {LabelRow} */
export function newRow(fields) {
  const { root, op = "put", start, end, quote, text_sha256, label } = fields;
  const { flag = "", comment = "", how = "", machine = null, reason = "" } = fields;
  const id = newId();
  const at = new Date().toISOString();
  return { id, root: root || id, op, start, end, quote, text_sha256, label, flag, comment, how, machine, reason, at };
}

/** The row that takes a label back. @param {LabelRow} row @returns {LabelRow} */
export function withdrawal(row, how = "keyboard") {
  return newRow({ ...row, op: "withdraw", comment: "", reason: "", how });
}

function newId() {
  // randomUUID is missing on plain http from another machine; random bytes are not.
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
