import assert from "node:assert/strict";
import test from "node:test";

import { LabelLog, newRow, withdrawal } from "../../pages/components/labelling/labelling_view/label_log.js";
import { row } from "./labelling_parts.js";

const ids = (rows) => rows.map(({ id }) => id);

test("the last row of a root stands, whatever order rows come in", () => {
  const log = new LabelLog([row("b", { root: "a", seq: 2, label: "hedge" }), row("a", { seq: 1 })]);
  assert.deepEqual(log.standing().map(({ label }) => label), ["hedge"]);
  assert.equal(log.lastSeq, 2);
});

test("a withdrawn label stands no more, and its history is whole", () => {
  const log = new LabelLog([row("a", { seq: 1 }), row("b", { root: "a", op: "withdraw", seq: 2 })]);
  assert.deepEqual(log.standing(), []);
  assert.deepEqual(ids(log.history("a")), ["a", "b"]);
});

test("a rejection stands: it is a decision", () => {
  assert.equal(new LabelLog([row("a", { op: "reject", seq: 1 })]).standing().length, 1);
});

test("rows nobody acknowledged come after all the server has, in the order they were written", () => {
  const log = new LabelLog([row("a", { seq: 7 })]);
  log.add(row("b", { root: "a", label: "hedge" }));
  log.add(row("c", { root: "a", label: "alternative" }));
  assert.equal(log.standing()[0].label, "alternative");
  assert.deepEqual(ids(log.history("a")), ["a", "b", "c"]);
});

test("an acknowledged row takes its place among those of other tabs", () => {
  const log = new LabelLog([]);
  log.add(row("a"));
  assert.equal(log.acknowledge("a", 5), true);
  assert.equal(log.learn(row("b", { root: "a", seq: 6, label: "hedge" })), true);
  assert.equal(log.learn(row("a", { seq: 5 })), false, "the server's copy of an own row is no news");
  assert.equal(log.standing()[0].label, "hedge");
});

test("standing labels are by place, then by length, then by name", () => {
  const log = new LabelLog([
    row("a", { seq: 1, start: 5, end: 9 }), row("b", { seq: 2, start: 0, end: 9 }), row("c", { seq: 3, start: 0, end: 4, label: "x" }),
    row("d", { seq: 4, start: 0, end: 4, label: "a" }),
  ]);
  assert.deepEqual(ids(log.standing()), ["d", "c", "b", "a"]);
});

test("a dropped row gives its root back to what stood before", () => {
  const log = new LabelLog([row("a", { seq: 1 })]);
  log.add(row("b", { root: "a", label: "hedge" }));
  log.drop("b");
  assert.equal(log.standing()[0].label, "hesitation");
});

test("a new label is its own root, a change keeps the root, a withdrawal keeps the place", () => {
  const made = newRow({ start: 1, end: 3, quote: "ai", text_sha256: "t", label: "hedge" });
  assert.equal(made.root, made.id);
  const changed = newRow({ ...made, label: "hesitation", how: "changed" });
  assert.equal(changed.root, made.id);
  assert.notEqual(changed.id, made.id);
  const gone = withdrawal({ ...changed, comment: "why", reason: "slip" });
  assert.deepEqual([gone.op, gone.root, gone.start, gone.end, gone.comment, gone.reason], ["withdraw", made.id, 1, 3, "", ""]);
});

test("ids are made without randomUUID, as on plain http", (t) => {
  Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
  t.after(() => Reflect.deleteProperty(crypto, "randomUUID"));
  const [a, b] = [newRow(row("")), newRow(row(""))];
  assert.match(a.id, /^[0-9a-f]{32}$/);
  assert.notEqual(a.id, b.id);
});
