import assert from "node:assert/strict";
import test from "node:test";

import { BrowserStorage } from "../../pages/components/labelling/labelling_view/browser_storage.js";
import { MemoryStore } from "./labelling_parts.js";

test("entries are kept by person, kind and id", () => {
  const store = new MemoryStore();
  new BrowserStorage("ana.p1", () => store).set("row", "a", { n: 1 });
  assert.deepEqual([...store.entries.keys()], ["second-thoughts.ana.p1.row.a"]);
  assert.deepEqual(new BrowserStorage("ana.p1", () => store).get("row", "a"), { n: 1 });
  assert.equal(new BrowserStorage("ben.p1", () => store).get("row", "a"), null);
});

test("two tabs add to one another", () => {
  const store = new MemoryStore();
  const [one, other] = [new BrowserStorage("ana", () => store), new BrowserStorage("ana", () => store)];
  one.set("row", "a", 1);
  other.set("row", "b", 2);
  one.remove("row", "a");
  assert.deepEqual([...other.all("row")], [["b", 2]]);
});

test("a full browser keeps entries as long as the page", () => {
  const store = new MemoryStore();
  const storage = new BrowserStorage("ana", () => store);
  store.refuses = true;
  storage.set("row", "a", 1);
  assert.deepEqual([...storage.all("row")], [["a", 1]]);
  assert.equal(new BrowserStorage("ana", () => store).get("row", "a"), null);
  storage.remove("row", "a");
  assert.equal(storage.all("row").size, 0);
});

test("a browser that forbids storage is no error", () => {
  const storage = new BrowserStorage("ana", () => {
    throw new Error("SecurityError");
  });
  storage.set("undo", "i1", [1]);
  assert.deepEqual(storage.get("undo", "i1"), [1]);
  storage.remove("undo", "i1");
  assert.equal(storage.get("undo", "i1"), null);
});
