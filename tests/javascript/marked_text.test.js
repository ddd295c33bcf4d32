import assert from "node:assert/strict";
import test from "node:test";

import { MarkedText } from "../../pages/components/viewer/trace_view/marked_text.js";
import { disjoint } from "../../pages/components/viewer/trace_view/spans.js";

const GROUPS = [{ letter: "S", label: "self-correction" }, { letter: "H", label: "hedge" }];
const marked = (text, cues = [], sections = [], loops = []) =>
  new MarkedText("text", { text, cues, entries: ["wait", "maybe"], mathematics: null }, GROUPS, sections, loops);
const drawn = ({ start, end }) => [start, end];
const formulas = (...spans) => ({ spans: spans.map(([start, end]) => [start, end, 0, false]), trees: [["mi", null, "x"]], failed: 0, left: 0 });

test("cues come as code points and are kept as units", () => {
  const { cues } = marked("🤔 wait", [[2, 6, 0, 0]]);
  assert.deepEqual(cues.map(drawn), [[3, 7]]);
  assert.equal(cues[0].letter, "S");
  assert.equal(cues[0].entry, "wait");
});

test("cues outside the text are left out", () => {
  assert.deepEqual(marked("wait", [[-1, 2, 0, 0], [2, 2, 0, 0], [1, 9, 0, 0], [0, 4, 1, 1]]).cues.map(drawn), [[0, 4]]);
});

test("an absent text is an empty one", () => {
  assert.equal(marked(null).text, "");
  assert.deepEqual(marked(null).segments, [{ name: "", start: 0, end: 0, loop: null }]);
});

test("sections and the text between them cover every character once", () => {
  const { segments } = marked("abcdefghij", [], [["answer", 6, 9], ["think", 1, 4], ["prompt", 0, 5]]);
  assert.deepEqual(segments.map(({ name, start, end }) => [name, start, end]),
    [["", 0, 1], ["think", 1, 4], ["", 4, 6], ["answer", 6, 9], ["", 9, 10]]);
});

test("a loop cuts the sections it lies in, and every character is still drawn once", () => {
  const { segments, loops } = marked("🤔bcdefghij", [], [["think", 0, 6], ["answer", 6, 10]], [[2, 8], [-1, 3], [5, 99]]);
  assert.deepEqual(loops.map(drawn), [[3, 9]], "what lies outside the text is left out");
  assert.deepEqual(marked("ab cd\n\nef gh", [], [], [[1, 12]]).loops.map(drawn), [[7, 12]], "from a line's start");
  assert.deepEqual(marked("ab cd", [], [], [[1, 5]]).loops.map(drawn), [[3, 5]], "or a word's");
  assert.deepEqual(segments.map(({ name, start, end, loop }) => [name, start, end, loop !== null]),
    [["think", 0, 3, false], ["think", 3, 7, true], ["answer", 7, 9, true], ["answer", 9, 11, false]]);
});

test("sections that overlap are cut, never drawn twice", () => {
  const { segments } = marked("abcdef", [], [["think", 0, 4], ["answer", 2, 6], ["late", 3, 4]]);
  assert.deepEqual(segments.map(({ name, start, end }) => [name, start, end]), [["think", 0, 4], ["answer", 4, 6]]);
});

test("a formula gives way to a cue, a linked range and a section's edge", () => {
  const text = "so $x$ and $y$ and $z$ ok";
  const doc = marked(text, [[12, 13, 1, 1]], [["think", 0, 20]]);
  doc.layOver(formulas([3, 6], [11, 14], [19, 22]), []);
  assert.deepEqual(doc.spans.map(({ kind, start }) => [kind, start]), [["formula", 3], ["cue", 12]]);
  doc.layOver(formulas([3, 6]), [4, 5]);
  assert.deepEqual(doc.spans.map(({ kind }) => kind), ["cue"]);
});

test("a cue that a section's edge cuts is drawn in two parts", () => {
  const doc = marked("hmm, wait a bit", [[5, 11, 0, 0]], [["think", 0, 9]]);
  doc.layOver(null, []);
  assert.deepEqual(doc.spans.map(drawn), [[5, 9], [9, 11]]);
  assert.deepEqual(doc.spansIn(0, 9).map(drawn), [[5, 9]]);
});

test("spans that overlap become disjoint", () => {
  const cue = (start, end) => ({ kind: "cue", start, end });
  const tag = (start, end) => ({ kind: "tag", start, end });
  assert.deepEqual(disjoint([cue(0, 5), cue(2, 4), cue(3, 8)]).map(drawn), [[0, 5], [5, 8]]);
  assert.deepEqual(disjoint([cue(0, 5), tag(3, 8), tag(8, 9)]).map(drawn), [[0, 5], [8, 9]], "only a cue may lose a part");
});

test("a text is cut after a line's end, and never inside a cue", () => {
  const line = `${"x".repeat(2_999)}\n`;
  const text = line.repeat(4);
  assert.deepEqual(marked(text).cuts(0, text.length), [[0, 6_000], [6_000, 12_000]]);
  const across = marked(text, [[5_990, 6_010, 0, 0]]);
  assert.deepEqual(across.cuts(0, text.length), [[0, 9_000], [9_000, 12_000]]);
});

test("a short line is not cut, a line too long for a windowed text is, at a blank", () => {
  const word = "word ".repeat(10_000);
  assert.deepEqual(marked(word).cuts(0, word.length), [[0, word.length]], "drawn whole, a line may be of any length");
  const long = word.repeat(5);
  const doc = marked(long);
  assert.equal(doc.windowed, true);
  const cuts = doc.cuts(0, long.length);
  assert.ok(cuts.every(([start, end]) => end - start <= 16_000));
  assert.ok(cuts.every(([, end]) => long[end - 1] === " "));
  assert.equal(cuts.at(-1)[1], long.length);
  assert.ok(cuts.every(([start], k) => k === 0 || start === cuts[k - 1][1]));
});

test("without a blank a windowed text is cut between characters", () => {
  const doc = marked("🤔".repeat(150_000));
  for (const [start] of doc.cuts(0, doc.text.length)) assert.equal(doc.text.codePointAt(start), 0x1f914);
});

test("a cue's context is one line on each side and cuts no character", () => {
  const text = `${"🤔".repeat(60)} first\n\nline, wait  a\tmoment ${"𝒙".repeat(60)}`;
  const doc = marked(text);
  const start = text.indexOf("wait");
  const [left, hit, right] = doc.context({ start, end: start + 4 });
  assert.equal(hit, "wait");
  assert.ok(left.endsWith(" first line, "));
  assert.ok(right.startsWith(" a moment "));
  for (const part of [left, right]) assert.equal(part.isWellFormed?.() ?? true, true);
});
