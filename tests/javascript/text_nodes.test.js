import assert from "node:assert/strict";
import test from "node:test";

import { count } from "../../pages/components/browser/count.js";
import { visibleStretches } from "../../pages/components/browser/text_nodes.js";

const names = (text, start = 0, end = text.length) => visibleStretches(text, start, end).map(({ name }) => name);
const joined = (text, start = 0, end = text.length) =>
  visibleStretches(text, start, end).map(({ from, to }) => text.slice(from, to)).join("");

test("text without invisible characters is one stretch", () => {
  assert.deepEqual(visibleStretches("Wait. Hmm.", 0, 10), [{ from: 0, to: 10, name: null }]);
  assert.deepEqual(visibleStretches("", 0, 0), []);
});

test("what can't be seen is named", () => {
  assert.deepEqual(names("a\u202eb"), [null, "RLO", null]);
  assert.deepEqual(names("\u0000\u200b\ufeff"), ["NUL", "ZWSP", "BOM"]);
  assert.deepEqual(names("\u2064"), ["U+2064"], "without a short name, by its number");
  assert.deepEqual(names("\u{e0041}"), ["U+E0041"], "a tag character is one, though two units");
});

test("a carriage return is named where it ends no line", () => {
  assert.deepEqual(names("a\r\nb"), [null]);
  assert.deepEqual(names("a\rb"), [null, "CR", null]);
  assert.deepEqual(names("a\r\nb", 0, 2), [null], "the line's end may lie beyond the part that is drawn");
});

test("every character is drawn once, whatever the part", () => {
  const text = "x\u202ey\u{e0041}z\r";
  assert.equal(joined(text), text);
  for (let start = 0; start <= text.length; start++) assert.equal(joined(text, start), text.slice(start));
  assert.equal(joined(text, 1, 4), text.slice(1, 4), "a pair that the part cuts keeps its half");
});

test("numbers agree with their nouns", () => {
  assert.equal(count(1, "cue"), "1 cue");
  assert.equal(count(0, "cue"), "0 cues");
  assert.equal(count(1_200, "formula", "formulas"), "1,200 formulas");
});
