// The labels of one item as the log has them: every row, what stands, and what undoing would take back.
// Offsets here are code points, as in the store. Owns the rule that the last row of a root stands.

class Book {
  constructor(rows) {
    this.rows = new Map(); // id -> row; rows that are not acknowledged have no seq
    this.local = 0;
    this.after = 0;
    rows.forEach((row) => this.learn(row));
  }

  // A row of the server's. Returns whether it is news.
  learn(row) {
    this.after = Math.max(this.after, row.seq);
    if (this.acknowledge(row.id, row.seq)) return false;
    this.rows.set(row.id, { ...row });
    return true;
  }

  acknowledge(id, seq) {
    const known = this.rows.get(id);
    if (known) known.seq = seq;
    return known !== undefined;
  }

  // A row of this browser's that nobody has acknowledged yet.
  add(row) {
    this.rows.set(row.id, { ...row, order: (this.local += 1) });
  }

  drop(id) {
    this.rows.delete(id);
  }

  last() {
    const last = new Map();
    const rank = (row) => row.seq ?? Number.MAX_SAFE_INTEGER;
    for (const row of this.rows.values()) {
      const best = last.get(row.root);
      const later = !best || rank(row) > rank(best) || (rank(row) === rank(best) && (row.order ?? 0) > (best.order ?? 0));
      if (later) last.set(row.root, row);
    }
    return last;
  }

  standing() {
    return [...this.last().values()]
      .filter((row) => row.op !== "withdraw")
      .sort((a, b) => a.start - b.start || a.end - b.end || (a.label < b.label ? -1 : 1));
  }

  history(root) {
    return [...this.rows.values()].filter((row) => row.root === root)
      .sort((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity) || (a.order ?? 0) - (b.order ?? 0));
  }
}

// What a label looks like when it is written anew; a new label has no root of its own yet.
function rowOf(fields) {
  const { root, op = "put", start, end, quote, text_sha256, label } = fields;
  const { flag = "", comment = "", how = "", machine = null, reason = "" } = fields;
  const id = newId();
  const at = new Date().toISOString();
  return { id, root: root || id, op, start, end, quote, text_sha256, label, flag, comment, how, machine, reason, at };
}

// randomUUID is missing on plain http from another machine; random bytes are not.
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sameCue(machine, cue) {
  return machine !== null && machine.entry === cue.entry && machine.start === cue.start && machine.end === cue.end;
}

// A cue is answered by a label that says so, or by one on the very same characters.
function answers(row, cue) {
  return sameCue(row.machine, cue) || (row.start === cue.start && row.end === cue.end);
}
