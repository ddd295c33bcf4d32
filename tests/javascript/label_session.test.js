import assert from "node:assert/strict";
import test from "node:test";

import { newRow, withdrawal } from "../../pages/components/labelling/labelling_view/label_log.js";
import { MemoryStore, row, sessionOn } from "./labelling_parts.js";

const fields = { start: 0, end: 4, quote: "Wait", text_sha256: "t", label: "hesitation" };
const standing = (session) => session.log.standing().map(({ label, flag }) => `${label}${flag}`);

test("undoing a new label withdraws it, and no row is ever removed", () => {
  const session = sessionOn();
  session.write([newRow(fields)]);
  assert.equal(session.undo(), true);
  assert.deepEqual(standing(session), []);
  assert.equal(session.log.rows.size, 2);
  assert.equal(session.undo(), false);
});

test("undoing a change writes what stood before", () => {
  const session = sessionOn(new MemoryStore(), [row("a", { seq: 1, flag: "filler" })]);
  session.write([newRow({ ...row("a"), label: "hedge" })]);
  assert.deepEqual(standing(session), ["hedge"]);
  session.undo();
  assert.deepEqual(standing(session), ["hesitationfiller"]);
  assert.equal(session.log.standing()[0].how, "undo");
});

test("undoing a withdrawal puts the label back", () => {
  const session = sessionOn(new MemoryStore(), [row("a", { seq: 1 })]);
  session.write([withdrawal(row("a"))]);
  session.undo();
  assert.deepEqual(standing(session), ["hesitation"]);
});

test("one act is one step, however many rows it writes", () => {
  const session = sessionOn();
  session.write([newRow({ ...fields, start: 10, end: 14 })]);
  session.write([newRow(fields), newRow({ ...fields, start: 20, end: 24 })]);
  assert.equal(session.log.standing().length, 3);
  session.undo();
  assert.deepEqual(session.log.standing().map(({ start }) => start), [10]);
});

test("a label that was withdrawn elsewhere meanwhile is not withdrawn twice", () => {
  const session = sessionOn();
  const made = newRow(fields);
  session.write([made]);
  session.learn(new Map([[made.id, 5]]), [row("x", { root: made.id, op: "withdraw", seq: 6 })]);
  const before = session.outbox.rows.length;
  assert.equal(session.undo(), true);
  assert.equal(session.outbox.rows.length, before);
});

test("undo goes on after a reload where it was, and unsent rows stand again", () => {
  const store = new MemoryStore();
  const first = sessionOn(store);
  first.write([newRow(fields)]);
  first.write([newRow({ ...fields, start: 10, end: 14, label: "hedge" })]);
  const second = sessionOn(store);
  assert.deepEqual(standing(second), ["hesitation", "hedge"]);
  second.undo();
  assert.deepEqual(standing(second), ["hesitation"]);
});

test("rows that wait for another item stay out of this one's log", () => {
  const store = new MemoryStore();
  sessionOn(store, [], "i1").write([newRow(fields)]);
  assert.deepEqual(standing(sessionOn(store, [], "i2")), []);
});

test("what the server refused is dropped when it is put aside", () => {
  const session = sessionOn();
  const made = newRow(fields);
  session.write([made]);
  session.outbox.refuse("i1", session.outbox.rows, undefined, "No.");
  session.dropRefused();
  assert.deepEqual(standing(session), []);
  assert.deepEqual(session.outbox.refused, []);
});

test("an answer with nothing new asks for no drawing", () => {
  const session = sessionOn(new MemoryStore(), [row("a", { seq: 1 })]);
  assert.equal(session.learn(new Map(), [row("a", { seq: 1 })]), false);
  assert.equal(session.learn(new Map(), [row("b", { seq: 2 })]), true);
});
