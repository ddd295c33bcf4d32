// What tests of labelling share: rows, a storage that outlives a page, and a server that answers as told.

import { BrowserStorage } from "../../pages/components/labelling/labelling_view/browser_storage.js";
import { LabelSession } from "../../pages/components/labelling/labelling_view/label_session.js";
import { Outbox } from "../../pages/components/labelling/labelling_view/outbox.js";

export const TEXT = "Wait, maybe the sum is even 🤔. Hmm, let me check. Wait, it is 7.";

export const LABELS = [
  { key: "hesitation", name: "hesitation", letter: "H", group: "hesitation", negative: false, description: "" },
  { key: "hedge", name: "hedge", letter: "M", group: "hedge", negative: false, description: "may be" },
  { key: "not-a-cue", name: "not a cue", letter: "×", group: null, negative: true, description: "" },
];

export function row(id, fields = {}) {
  return {
    id, root: id, op: "put", start: 0, end: 4, quote: "Wait", text_sha256: "t", label: "hesitation", flag: "", comment: "",
    how: "", machine: null, reason: "", at: "2026-01-01T00:00:00Z", ...fields,
  };
}

/** localStorage in a Map; `refuses` makes it as full as a browser's can be. */
export class MemoryStore {
  constructor() {
    this.entries = new Map();
    this.refuses = false;
  }

  get length() {
    return this.entries.size;
  }

  key(k) {
    return [...this.entries.keys()][k] ?? null;
  }

  getItem(name) {
    return this.entries.get(name) ?? null;
  }

  setItem(name, value) {
    if (this.refuses) throw new Error("QuotaExceededError");
    this.entries.set(name, value);
  }

  removeItem(name) {
    this.entries.delete(name);
  }
}

/** An outbox on a store, and all that was posted; `answers` are taken one by one, and after them everything is saved. */
export function outboxOn(store, { answers = [], prefix = "ana.p1" } = {}) {
  const posted = [];
  const saved = [];
  const renewals = [];
  let seq = 100;
  const storage = new BrowserStorage(prefix, () => store);
  const outbox = new Outbox({
    storage,
    post: async (url, token, body) => {
      posted.push(structuredClone(body));
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer ?? { status: 200, body: { saved: body.rows.map(({ id }) => [id, (seq += 1)]), rows: [] } };
    },
    onSaved: (ids, news) => saved.push([[...ids.keys()], news]),
    onChange: () => {},
    onTokenRefused: () => renewals.push(true),
  });
  return { outbox, storage, posted, saved, renewals };
}

/** Lets promises and microtasks run. */
export async function settle() {
  for (let k = 0; k < 20; k += 1) await Promise.resolve();
}

/** A session on an item whose rows go to an outbox that is never connected, so that all of them wait. */
export function sessionOn(store = new MemoryStore(), rows = [], item = "i1") {
  const { outbox, storage } = outboxOn(store);
  return new LabelSession({ item, rows, outbox, storage });
}
