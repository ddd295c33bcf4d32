// A person's entries in the browser's local storage, under a prefix of their own.

/** The part of `localStorage` that is used; a test gives another. @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">} KeyValueStore */

export class BrowserStorage {
  /**
   * @param {string} prefix person and project
   * @param {() => KeyValueStore} store asked each time, because merely reading `localStorage` throws where it is forbidden
   */
  constructor(prefix, store = () => localStorage) {
    // One entry a row, not one list of rows: two tabs of the same person never overwrite each other's.
    this.prefix = `second-thoughts.${prefix}.`;
    this.store = store;
    /** @type {Map<string, any>} what the browser refused to keep; lives as long as the page */
    this.spare = new Map();
  }

  /** @param {string} kind @returns {Map<string, any>} the entries of a kind, by id */
  all(kind) {
    const start = `${this.prefix}${kind}.`;
    const found = new Map([...this.spare].filter(([name]) => name.startsWith(start)));
    try {
      const store = this.store();
      for (let k = 0; k < store.length; k += 1) {
        const name = store.key(k);
        if (name?.startsWith(start)) found.set(name, JSON.parse(store.getItem(name) ?? "null"));
      }
    } catch {
      // What can't be read isn't there.
    }
    return new Map([...found].filter(([, value]) => value).map(([name, value]) => [name.slice(start.length), value]));
  }

  /** @param {string} kind @param {string} id */
  get(kind, id) {
    return this.all(kind).get(id) ?? null;
  }

  /**
   * @param {string} kind
   * @param {string} id
   * @param {any} value anything JSON can hold
   */
  set(kind, id, value) {
    const name = `${this.prefix}${kind}.${id}`;
    try {
      this.store().setItem(name, JSON.stringify(value));
    } catch {
      this.spare.set(name, value);
    }
  }

  /** @param {string} kind @param {string} id */
  remove(kind, id) {
    const name = `${this.prefix}${kind}.${id}`;
    this.spare.delete(name);
    try {
      this.store().removeItem(name);
    } catch {
      // Nothing was kept there.
    }
  }
}
