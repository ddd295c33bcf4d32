import assert from "node:assert/strict";
import test from "node:test";

import { Offsets } from "../../pages/components/browser/offsets.js";
import { partition } from "../../pages/components/browser/partition.js";

test("plain text counts the same both ways", () => {
  const offsets = new Offsets("wait, no");
  assert.deepEqual([offsets.points, offsets.units], [8, 8]);
  assert.equal(offsets.toUnits(5), 5);
  assert.equal(offsets.toPoints(8), 8);
});

test("a character beyond the first plane is one point and two units", () => {
  const offsets = new Offsets("a𝒙b🤔c");
  assert.equal(offsets.points, 5);
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((point) => offsets.toUnits(point)), [0, 1, 3, 4, 6, 7]);
  assert.deepEqual([0, 1, 3, 4, 6, 7].map((unit) => offsets.toPoints(unit)), [0, 1, 2, 3, 4, 5]);
});

test("a unit in the middle of a pair counts as the pair's start", () => {
  assert.equal(new Offsets("𝒙b").toPoints(1), 0);
  assert.equal(new Offsets("a𝒙").toPoints(2), 1);
});

test("lone surrogates are characters of their own", () => {
  assert.equal(new Offsets("\ud83ea\udd14").points, 3);
});

test("offsets agree with an array of code points on a long mixed text", () => {
  const text = Array.from({ length: 2_000 }, (_, k) => (k % 7 ? "x" : "🤔")).join("");
  const offsets = new Offsets(text);
  let unit = 0;
  [...text].forEach((character, point) => {
    assert.equal(offsets.toUnits(point), unit);
    assert.equal(offsets.toPoints(unit), point);
    unit += character.length;
  });
});

test("partition counts what comes before", () => {
  const sorted = [1, 2, 2, 5, 9];
  assert.equal(partition(sorted.length, (k) => sorted[k] < 2), 1);
  assert.equal(partition(sorted.length, (k) => sorted[k] <= 2), 3);
  assert.equal(partition(sorted.length, () => true), 5);
  assert.equal(partition(0, () => true), 0);
});
