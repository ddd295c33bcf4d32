import assert from "node:assert/strict";
import test from "node:test";

import { trimmed, wholeCharacters, Words } from "../../pages/components/labelling/labelling_view/words.js";
import { occurrences } from "../../pages/parts/annotate/annotate_view/occurrences.js";

const text = "I'm not sure, maybe the café isn't 𝒙 🤔.";
const words = new Words(text, 0, text.length);
const cut = (span) => span && text.slice(...span);

test("a selection snaps to whole words", () => {
  const at = text.indexOf("aybe");
  assert.equal(cut(words.snap(at, at + 6)), "maybe the");
  assert.equal(cut(words.snap(at, at)), "maybe", "a click is a word");
  assert.equal(cut(words.snap(0, 2)), "I'm", "an apostrophe belongs to its word");
});

test("what touches no word is no selection", () => {
  const comma = text.indexOf(",");
  assert.equal(words.snap(comma, comma + 1), null);
  assert.equal(words.snap(text.length, text.length), null);
});

test("only the words of the stretch to be labelled count", () => {
  const some = new Words(text, 4, 12);
  assert.deepEqual([some.size, cut(some.span(0)), cut(some.span(1))], [2, "not", "sure"]);
  assert.equal(some.snap(0, 3), null);
  assert.equal(new Words(text, 5, 5).size, 0);
  assert.deepEqual(new Words(text, 5, 5).span(0), [5, 5]);
});

test("the word at or after a place; past the last, the last", () => {
  assert.equal(cut(words.span(words.at(text.indexOf(", maybe")))), "maybe");
  assert.equal(words.at(text.length), words.size - 1);
});

test("characters are never halved", () => {
  const pair = text.indexOf("𝒙");
  assert.equal(cut(wholeCharacters(text, pair + 1, pair + 1)), "𝒙");
  const accented = "cafe\u0301!";
  assert.deepEqual(wholeCharacters(accented, 3, 4), [3, 5]);
  assert.deepEqual(wholeCharacters("a👩\u200d👧b", 1, 3), [1, 4], "a joiner belongs to what is before it");
});

test("white space around a span goes", () => {
  assert.deepEqual(trimmed("a  bc  d", 1, 7), [3, 5]);
  assert.deepEqual(trimmed("a    d", 1, 5), [5, 5]);
});

test("occurrences are whole words, in any case", () => {
  const many = "Wait, await. WAIT! wait";
  const all = new Words(many, 0, many.length);
  assert.deepEqual(occurrences(many, "wait", 0, many.length, all), [[0, 4], [13, 17], [19, 23]]);
  assert.deepEqual(occurrences(many, "wait", 5, 20, all), [[13, 17]]);
  assert.deepEqual(occurrences(many, "  ", 0, many.length, all), []);
});

test("a text whose lower case has another length has no other places", () => {
  const dotted = "İ maybe maybe";
  assert.deepEqual(occurrences(dotted, "maybe", 0, dotted.length, new Words(dotted, 0, dotted.length)), []);
});
