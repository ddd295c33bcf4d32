import assert from "node:assert/strict";
import test from "node:test";

import { blocksOf, inReadingOrder, stretches, withLevels } from "../../pages/components/labelling/labelling_view/text_marks.js";

const mark = (start, end, more = {}) => ({ start, end, key: `${start}-${end}`, letter: "H", style: "--a", title: "", ...more });
const levels = (marks) => withLevels(inReadingOrder(marks)).map(({ key, level }) => [key, level]);

test("marks that overlap get lines of their own, and a line is used again once it is free", () => {
  assert.deepEqual(levels([mark(4, 6), mark(0, 10), mark(8, 12), mark(12, 14)]), [["0-10", 0], ["4-6", 1], ["8-12", 1], ["12-14", 0]]);
});

test("there are four lines; what would lie lower shares the last", () => {
  assert.deepEqual(levels([0, 1, 2, 3, 4, 5].map((start) => mark(start, 20))).map(([, level]) => level), [0, 1, 2, 3, 3, 3]);
});

test("a lane keeps its own line", () => {
  assert.deepEqual(levels([mark(0, 5, { level: 2 }), mark(0, 4)]), [["0-5", 2], ["0-4", 0]]);
});

test("stretches are cut at every edge and name all that lies over them", () => {
  const found = stretches(0, 10, withLevels([mark(2, 6), mark(4, 8)]));
  assert.deepEqual(found.map(({ from, to, over }) => [from, to, over.map(({ key }) => key).join(" ")]), [
    [0, 2, ""], [2, 4, "2-6"], [4, 6, "2-6 4-8"], [6, 8, "4-8"], [8, 10, ""],
  ]);
});

test("a mark that reaches beyond a block is cut at its edge", () => {
  assert.deepEqual(stretches(5, 10, withLevels([mark(0, 20)])).map(({ from, to, over }) => [from, to, over.length]), [[5, 10, 1]]);
});

test("blocks hold the text once, and end after lines where they can", () => {
  const text = "x".repeat(1_400) + "\n" + "y".repeat(400) + "\n" + "z".repeat(3_000);
  const blocks = blocksOf(text, 10, text.length);
  assert.deepEqual(blocks, [[10, 1_802], [1_802, text.length]]);
  assert.deepEqual(blocksOf("", 0, 0), [[0, 0]], "an empty text has a block to click into");
});
