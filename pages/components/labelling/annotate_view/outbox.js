// What was written here and is not acknowledged yet. Kept in the browser's storage until the server has it, so that a
// reload, a crash or a dead server loses nothing; sent again until it is acknowledged. Rows carry ids of their own, so
// that sending twice enters once, by whichever tab.

const BATCH = 200;
const WAITS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

class Outbox {
  constructor({ storage, learned, changed, renew }) {
    Object.assign(this, { storage, learned, changed, renew });
    const byAge = ([, a], [, b]) => a.order - b.order;
    this.rows = [...storage.all("row")].sort(byAge).map(([, row]) => row);
    this.refused = [...storage.all("refused").values()];
    this.marks = storage.all("mark");
    this.order = Math.max(Date.now() * 1000, ...this.rows.map(({ order }) => order));
    this.failures = 0;
    this.trouble = "";
  }

  put(item, rows) {
    for (const row of rows) {
      const kept = { ...wire(row), item, order: (this.order += 1) };
      this.rows.push(kept);
      this.storage.set("row", row.id, kept);
    }
    this.send();
  }

  // Where one is and how an item stands: the last word counts, seconds add up.
  say(item, mark, now = true) {
    const old = this.marks.get(item) ?? {};
    const seconds = (old.seconds ?? 0) + (mark.seconds ?? 0);
    this.marks.set(item, { ...old, ...mark, ...(seconds ? { seconds } : {}) });
    this.storage.set("mark", item, this.marks.get(item));
    if (now) this.send();
  }

  get settled() {
    return !this.rows.length && !this.busy && ![...this.marks.values()].some(({ state, settled }) => state || settled !== undefined);
  }

  use({ token, url, item, after }) {
    const fresh = token !== this.token;
    Object.assign(this, { token, url, item, after });
    if (fresh) this.send(true);
  }

  // `wanted` asks for what other tabs wrote, even where there is nothing to send.
  async send(wanted = false) {
    if (this.busy || this.stopped || this.timer || !this.token) {
      this.again = this.again || wanted;
      return;
    }
    const item = this.rows[0]?.item ?? this.marks.keys().next().value ?? this.item;
    const of = this.rows.filter((row) => row.item === item);
    const rows = of.slice(0, this.alone ? 1 : BATCH);
    const mark = of.length > rows.length ? undefined : this.marks.get(item);
    if (!rows.length && !mark && !wanted) return;
    this.busy = true;
    this.changed();
    const sent = await this.post(item, rows, mark).catch(() => "this page can’t send");
    this.busy = false;
    if (typeof sent === "string") this.later(sent);
    else if (this.rows.length || this.marks.size || this.again) {
      const more = this.again;
      this.again = false;
      queueMicrotask(() => this.send(more));
    }
    this.changed();
  }

  // Returns a sentence where it has to be tried again.
  async post(item, rows, mark) {
    const mine = item === this.item;
    const body = JSON.stringify({ item, rows: rows.map(wire), mark: mark ?? null, after: mine ? this.after() : null });
    const headers = { "Content-Type": "application/json", "X-Annotate-Token": this.token };
    let answer;
    try {
      answer = await fetch(new URL(this.url, document.baseURI), { method: "POST", body, headers, credentials: "same-origin" });
    } catch {
      return "the server doesn’t answer";
    }
    const said = await answer.json().catch(() => ({}));
    if (answer.status === 403) {
      this.renew();
      return "the page is being signed anew";
    }
    if (answer.status === 400) return this.refuse(item, rows, mark, said.error ?? "The server refused this.");
    if (!answer.ok) return "the server is in trouble";
    this.failures = 0;
    this.trouble = "";
    const saved = new Map(said.saved);
    for (const id of saved.keys()) this.storage.remove("row", id);
    this.rows = this.rows.filter(({ id }) => !saved.has(id));
    this.alone = this.alone && this.rows.length > 0;
    this.forgetMark(item, mark);
    if (mine) this.learned(saved, said.rows ?? []);
    return undefined;
  }

  forgetMark(item, mark) {
    if (!mark) return;
    const now = this.marks.get(item) ?? {};
    const left = Object.entries(now).filter(([name, value]) => name !== "seconds" && value !== mark[name]);
    const seconds = (now.seconds ?? 0) - (mark.seconds ?? 0);
    if (seconds > 0) left.push(["seconds", seconds]);
    if (left.length) this.marks.set(item, Object.fromEntries(left));
    else this.marks.delete(item);
    if (left.length) this.storage.set("mark", item, this.marks.get(item));
    else this.storage.remove("mark", item);
  }

  // One bad row spoils its batch, so that rows go one by one until it is found; it is kept, and said.
  refuse(item, rows, mark, sentence) {
    if (rows.length > 1) this.alone = true;
    else if (rows.length === 1) {
      const [row] = rows;
      this.rows = this.rows.filter(({ id }) => id !== row.id);
      this.storage.remove("row", row.id);
      this.refused.push({ row, sentence });
      this.storage.set("refused", row.id, { row, sentence });
    } else {
      this.marks.delete(item);
      this.storage.remove("mark", item);
      this.refused.push({ row: null, sentence });
    }
    return undefined;
  }

  later(why) {
    this.trouble = why;
    const wait = WAITS[Math.min(this.failures, WAITS.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.send(true);
    }, wait);
  }

  forget() {
    for (const { row } of this.refused) if (row) this.storage.remove("refused", row.id);
    this.refused = [];
    this.changed();
  }

  close() {
    this.stopped = true;
    clearTimeout(this.timer);
  }
}

// A row as the server takes it: what only this browser needs is left out, and a new label names no root.
function wire(row) {
  const { id, root, op, start, end, quote, text_sha256, label, flag, comment, how, machine, reason = "", at } = row;
  return { id, root: root === id ? "" : root, op, start, end, quote, text_sha256, label, flag, comment, how, machine, reason, at };
}
