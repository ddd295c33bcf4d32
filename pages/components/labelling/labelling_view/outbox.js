// The outbox: labels and marks written in this browser that the server hasn't acknowledged. It sends them in batches and
// again until they are acknowledged, and keeps them in the browser's storage, so that a reload, a crash or a dead server
// loses nothing. Owns that protocol and its retries; how a request is made comes from outside.

/** @import { BrowserStorage } from "./browser_storage.js" */
/** @import { LabelRow } from "./label_log.js" */

/**
 * A row on its way, with the item it belongs to and its place among this person's.
 * @typedef {LabelRow & {item: string, order: number}} WaitingRow
 */
/**
 * What is said of an item beside its labels: where one is in it, the seconds spent, how it stands. `state` is an
 * annotator's word, `settled` an adjudicator's.
 * @typedef {{state?: string, place?: number, seconds?: number, note?: string, settled?: boolean}} ItemMark
 */
/** A row the server refused, with its reason; a refused mark has no row. @typedef {{row: LabelRow | null, sentence: string}} Refusal */
/** @typedef {{status: number, body: {saved?: [string, number][], rows?: LabelRow[], error?: string}}} SaveAnswer */
/** @typedef {(url: string, token: string, body: object) => Promise<SaveAnswer>} PostLabels */

const BATCH = 200;
const WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

export class Outbox {
  /**
   * @param {{
   *   storage: BrowserStorage,
   *   post: PostLabels,
   *   onSaved: (saved: Map<string, number>, news: LabelRow[]) => void,
   *   onChange: () => void,
   *   onTokenRefused: () => void,
   * }} parts
   */
  constructor({ storage, post, onSaved, onChange, onTokenRefused }) {
    this.storage = storage;
    this.post = post;
    this.onSaved = onSaved;
    this.onChange = onChange;
    this.onTokenRefused = onTokenRefused;
    /** @type {WaitingRow[]} */ this.rows = [...storage.all("row").values()].sort((a, b) => a.order - b.order);
    /** @type {Refusal[]} */ this.refused = [...storage.all("refused").values()];
    /** @type {Map<string, ItemMark>} by item */ this.marks = storage.all("mark");
    // From the clock: another tab's rows, and those of an hour ago, keep their places before or after these.
    this.order = Math.max(Date.now() * 1000, ...this.rows.map(({ order }) => order));
    this.failures = 0;
    this.trouble = "";
    this.token = "";
    this.url = "";
    this.item = "";
    /** @type {() => number} */ this.lastSeq = () => 0;
    this.busy = false;
    this.closed = false;
    this.oneByOne = false;
    this.askAgain = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */ this.timer = undefined;
  }

  /** Says who sends now, and which item is open here.
   * @param {{token: string, url: string, item: string, lastSeq: () => number}} connection */
  connect({ token, url, item, lastSeq }) {
    const fresh = token !== this.token;
    this.token = token;
    this.url = url;
    this.item = item;
    this.lastSeq = lastSeq;
    // A page that was signed anew may send what the old token was refused for.
    if (fresh) this.send(true);
  }

  /** @param {string} item @param {LabelRow[]} rows */
  add(item, rows) {
    for (const row of rows) {
      const waiting = { ...wireRow(row), item, order: (this.order += 1) };
      this.rows.push(waiting);
      this.storage.set("row", row.id, waiting);
    }
    this.send();
  }

  /** Notes how an item stands: the last word counts, seconds add up.
   * @param {string} item @param {ItemMark} mark
   * @param {boolean} now false where the page is about to go: the next one sends it */
  mark(item, mark, now = true) {
    const old = this.marks.get(item) ?? {};
    const seconds = (old.seconds ?? 0) + (mark.seconds ?? 0);
    const merged = { ...old, ...mark, ...(seconds ? { seconds } : {}) };
    this.marks.set(item, merged);
    this.storage.set("mark", item, merged);
    if (now) this.send();
  }

  /** Whether labels wait, or word of which items are finished; places and seconds don't count. */
  get waits() {
    return this.rows.length > 0 || [...this.marks.values()].some(({ state, settled }) => state || settled !== undefined);
  }

  /** Whether the server has every label and knows which items are finished. */
  get delivered() {
    return !this.waits && !this.busy;
  }

  /** Sends what waits, one request at a time.
   * @param {boolean} wanted asks for what other tabs wrote, even where there is nothing to send */
  async send(wanted = false) {
    // A second request would overtake the first, and rows would enter the log in another order than they were written.
    if (this.busy || this.closed || this.timer || !this.token) {
      this.askAgain = this.askAgain || wanted;
      return;
    }
    const item = this.rows[0]?.item ?? this.marks.keys().next().value ?? this.item;
    const waiting = this.rows.filter((row) => row.item === item);
    const rows = waiting.slice(0, this.oneByOne ? 1 : BATCH);
    // The mark goes with the last rows: an item must not be finished before its labels are there.
    const mark = waiting.length > rows.length ? undefined : this.marks.get(item);
    if (!rows.length && !mark && !wanted) return;
    this.busy = true;
    this.onChange();
    const trouble = await this.deliver(item, rows, mark).catch(() => "this page can’t send");
    this.busy = false;
    if (trouble) this.retryLater(trouble);
    else if (this.rows.length || this.marks.size || this.askAgain) {
      const again = this.askAgain;
      this.askAgain = false;
      // Not from here: a long backlog would send from within a send from within a send.
      queueMicrotask(() => this.send(again));
    }
    this.onChange();
  }

  /** @param {string} item @param {WaitingRow[]} rows @param {ItemMark | undefined} mark
   * @returns {Promise<string>} why it has to be tried again; empty where it hasn't */
  async deliver(item, rows, mark) {
    const isOpen = item === this.item;
    const body = { item, rows: rows.map(wireRow), mark: mark ?? null, after: isOpen ? this.lastSeq() : null };
    const answer = await this.post(this.url, this.token, body).catch(() => null);
    if (!answer) return "the server doesn’t answer";
    if (answer.status === 401) return "you are signed out: sign in in another tab";
    // A token holds for some hours alone.
    if (answer.status === 403) {
      this.onTokenRefused();
      return "the page is being signed anew";
    }
    if (answer.status === 400) {
      this.refuse(item, rows, mark, answer.body.error ?? "The server refused this.");
      return "";
    }
    if (answer.status < 200 || answer.status > 299) return "the server is in trouble";
    this.acknowledge(item, new Map(answer.body.saved), mark);
    if (isOpen) this.onSaved(new Map(answer.body.saved), answer.body.rows ?? []);
    return "";
  }

  /** @param {string} item @param {Map<string, number>} saved @param {ItemMark | undefined} mark */
  acknowledge(item, saved, mark) {
    this.failures = 0;
    this.trouble = "";
    for (const id of saved.keys()) this.storage.remove("row", id);
    this.rows = this.rows.filter(({ id }) => !saved.has(id));
    this.oneByOne = this.oneByOne && this.rows.length > 0;
    if (mark) this.dropMark(item, mark);
  }

  /** Drops what was sent of a mark and keeps what changed while it was on its way.
   * @param {string} item @param {ItemMark} sent */
  dropMark(item, sent) {
    /** @type {Record<string, unknown>} */ const before = { ...sent };
    const { seconds = 0, ...now } = this.marks.get(item) ?? {};
    /** @type {ItemMark} */
    const left = Object.fromEntries(Object.entries(now).filter(([name, value]) => value !== before[name]));
    const more = seconds - (sent.seconds ?? 0);
    if (more > 0) left.seconds = more;
    if (Object.keys(left).length) {
      this.marks.set(item, left);
      this.storage.set("mark", item, left);
    } else this.forgetMark(item);
  }

  /** @param {string} item */
  forgetMark(item) {
    this.marks.delete(item);
    this.storage.remove("mark", item);
  }

  /** Sets a refused row aside. The server takes all rows of a request or none, so that one bad row spoils its batch:
   * rows go one by one until it is found.
   * @param {string} item @param {WaitingRow[]} rows @param {ItemMark | undefined} mark @param {string} sentence */
  refuse(item, rows, mark, sentence) {
    if (rows.length > 1) {
      this.oneByOne = true;
      return;
    }
    const row = rows[0] ?? null;
    this.refused.push({ row, sentence });
    if (row) {
      this.rows = this.rows.filter(({ id }) => id !== row.id);
      this.storage.remove("row", row.id);
      this.storage.set("refused", row.id, { row, sentence });
    } else this.forgetMark(item);
  }

  /** @param {string} why */
  retryLater(why) {
    this.trouble = why;
    const wait = WAITS_MS[Math.min(this.failures, WAITS_MS.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // While the server was away from here, other tabs may have reached it.
      this.send(true);
    }, wait);
  }

  forgetRefused() {
    for (const { row } of this.refused) if (row) this.storage.remove("refused", row.id);
    this.refused = [];
    this.onChange();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

/** A row as the server takes it: without what only this browser needs, and a new label names no root.
 * @param {LabelRow} row @returns {LabelRow} */
function wireRow(row) {
  const { id, root, op, start, end, quote, text_sha256, label, flag, comment, how, machine, reason = "", at } = row;
  return { id, root: root === id ? "" : root, op, start, end, quote, text_sha256, label, flag, comment, how, machine, reason, at };
}

/** Sends labels to the app's own route. @type {PostLabels} */
export async function postLabels(url, token, body) {
  const answer = await fetch(new URL(url, document.baseURI), {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-Annotate-Token": token },
    credentials: "same-origin",
  });
  // A proxy in trouble answers with a page of HTML: the status alone counts then.
  return { status: answer.status, body: await answer.json().catch(() => ({})) };
}
