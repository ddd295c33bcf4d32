import assert from "node:assert/strict";
import test from "node:test";

import { matches, nextPlace } from "../../pages/components/viewer/problem_search.js";

const item = ["id", 7, "Find the GREATEST common divisor", [true, false], ""];

test("a search finds words in any case, and a problem by its number", () => {
  assert.ok(matches(item, ""));
  assert.ok(matches(item, "  greatest common "));
  assert.ok(matches(item, "7"));
  assert.ok(matches(item, "07"));
  assert.ok(!matches(item, "17"));
  assert.ok(!matches(item, "least"));
});

test("a step ends at the ends", () => {
  assert.equal(nextPlace(2, 1, 5), 3);
  assert.equal(nextPlace(4, 10, 5), 4);
  assert.equal(nextPlace(3, -Infinity, 5), 0);
  assert.equal(nextPlace(3, Infinity, 5), 4);
});

test("from nowhere a step leads to an end", () => {
  assert.equal(nextPlace(-1, 1, 5), 0);
  assert.equal(nextPlace(-1, -1, 5), 4);
});
