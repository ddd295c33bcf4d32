// What the browser keeps for one person and project, entry by entry, so that two tabs never overwrite each other's. Where
// its storage is forbidden or full, entries live as long as the page.

class Kept {
  constructor(prefix) {
    this.prefix = `second-thoughts.${prefix}.`;
    this.spare = new Map();
  }

  all(kind) {
    const start = `${this.prefix}${kind}.`;
    const found = new Map([...this.spare].filter(([name]) => name.startsWith(start)));
    try {
      for (const name of Object.keys(localStorage)) {
        if (name.startsWith(start)) found.set(name, JSON.parse(localStorage.getItem(name)));
      }
    } catch {
      // What can't be read isn't there.
    }
    return new Map([...found].filter(([, value]) => value).map(([name, value]) => [name.slice(start.length), value]));
  }

  get(kind, id) {
    return this.all(kind).get(id) ?? null;
  }

  set(kind, id, value) {
    const name = `${this.prefix}${kind}.${id}`;
    try {
      localStorage.setItem(name, JSON.stringify(value));
    } catch {
      this.spare.set(name, value);
    }
  }

  remove(kind, id) {
    const name = `${this.prefix}${kind}.${id}`;
    this.spare.delete(name);
    try {
      localStorage.removeItem(name);
    } catch {
      // Nothing was kept there.
    }
  }
}
