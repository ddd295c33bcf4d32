import assert from "node:assert/strict";
import test from "node:test";

import { orderAfterClick, sortedRows } from "../../pages/components/table/table_order.js";

const NUMBER = { id: "n", kind: "number" };
const NAME = { id: "name", kind: "text" };
const row = (name, value) => ({ id: name, cells: [{ value, text: String(value ?? "–") }, { text: name }] });
const ids = (rows) => rows.map(({ id }) => id);

test("numbers are asked for from the top, words from A", () => {
  assert.deepEqual(orderAfterClick(NUMBER, null), { column: "n", descending: true });
  assert.deepEqual(orderAfterClick(NAME, null), { column: "name", descending: false });
});

test("a second click turns the order round, one on another column begins anew", () => {
  assert.equal(orderAfterClick(NUMBER, { column: "n", descending: true }).descending, false);
  assert.equal(orderAfterClick(NAME, { column: "n", descending: true }).descending, false);
});

test("what is unknown stays last either way", () => {
  const rows = [row("a", 2), row("b", null), row("c", 10), row("d", -1)];
  assert.deepEqual(ids(sortedRows(rows, [NUMBER, NAME], { column: "n", descending: true })), ["c", "a", "d", "b"]);
  assert.deepEqual(ids(sortedRows(rows, [NUMBER, NAME], { column: "n", descending: false })), ["d", "a", "c", "b"]);
});

test("rows that tie stay as they came", () => {
  const rows = [row("c", 1), row("a", 1), row("b", 1)];
  assert.deepEqual(ids(sortedRows(rows, [NUMBER, NAME], { column: "n", descending: true })), ["c", "a", "b"]);
});

test("words sort without regard to case and numbers in them by size", () => {
  const rows = [row("step 10", 0), row("Step 9", 0), row("alpha", 0)];
  assert.deepEqual(ids(sortedRows(rows, [NUMBER, NAME], { column: "name", descending: false })), ["alpha", "Step 9", "step 10"]);
});

test("the rows given are left as they are", () => {
  const rows = [row("b", 1), row("a", 2)];
  sortedRows(rows, [NUMBER, NAME], { column: "name", descending: false });
  assert.deepEqual(ids(rows), ["b", "a"]);
});
