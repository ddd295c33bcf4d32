import assert from "node:assert/strict";
import test from "node:test";

import { newRow } from "../../pages/components/labelling/labelling_view/label_log.js";
import { AnnotationItem, answers } from "../../pages/parts/annotate/annotate_view/annotation_item.js";
import { LABELS, MemoryStore, row, sessionOn, TEXT } from "./labelling_parts.js";

// Code points: the emoji before "Hmm" is one of them and two units.
const CUES = [[0, 4, "wait", "hesitation"], [6, 11, "maybe", "hedge"], [31, 34, "hmm", "hesitation"], [50, 54, "wait", "hesitation"]];

function itemOf(rows = [], more = {}) {
  const data = { item: "i1", text: TEXT, sha256: "t", start: 0, end: [...TEXT].length, labels: LABELS, cues: CUES, lexicon: "doubts",
    flags: ["filler"], state: "open", ...more };
  return new AnnotationItem(data, sessionOn(new MemoryStore(), rows));
}

test("cues and places are in units beyond a surrogate pair, and in code points again when a label leaves", () => {
  const item = itemOf();
  assert.deepEqual(item.cues.map(({ from, to }) => TEXT.slice(from, to)), ["Wait", "maybe", "Hmm", "Wait"]);
  const hmm = item.cues[2];
  assert.deepEqual(item.place(hmm.from, hmm.to), { start: 31, end: 34, quote: "Hmm", text_sha256: "t" });
});

test("a cue is answered by a label that names it or lies on the same characters", () => {
  const cue = { entry: "wait", start: 0, end: 4 };
  assert.equal(answers({ start: 0, end: 4, machine: null }, cue), true);
  assert.equal(answers({ start: 0, end: 9, machine: { lexicon: "d", entry: "wait", start: 0, end: 4 } }, cue), true);
  assert.equal(answers({ start: 0, end: 9, machine: { lexicon: "d", entry: "hmm", start: 0, end: 4 } }, cue), false);
  assert.equal(answers({ start: 0, end: 9, machine: null }, cue), false);
});

test("open cues are those nobody answered, after a place", () => {
  const item = itemOf([row("a", { seq: 1, start: 6, end: 11 })]);
  assert.deepEqual(item.openCues().map(({ index }) => index), [0, 2, 3]);
  assert.deepEqual(item.openCues(0).map(({ index }) => index), [2, 3]);
});

test("walking goes from the current cue, from what is in view, and ends at the last", () => {
  const item = itemOf();
  const nowhere = () => assert.fail("the view is measured only where no cue is current");
  assert.equal(item.cueBeside(1, () => 5).index, 1);
  assert.equal(item.cueBeside(1, () => 1_000).index, 0, "past the last cue the walk begins at the first");
  assert.equal(item.cueBeside(-1, nowhere).index, 3);
  item.enterCue(item.cues[3]);
  assert.equal(item.cueBeside(-1, nowhere).index, 2);
  assert.equal(item.cueBeside(1, nowhere), undefined);
});

test("going to an answered cue goes to its label", () => {
  const item = itemOf([row("a", { seq: 1 })]);
  item.enterCue(item.cues[0]);
  assert.deepEqual(item.current, { root: "a" });
  assert.equal(item.unansweredCue(), null);
  assert.equal(item.currentCue().index, 0);
  assert.equal(item.currentRow().id, "a");
});

test("a cue's suggestion is the label of its group, else the first that says yes", () => {
  const item = itemOf();
  assert.equal(item.suggested(item.cues[1]).key, "hedge");
  assert.equal(item.suggested({ ...item.cues[1], group: "verification" }).key, "hesitation");
  assert.equal(item.negative.key, "not-a-cue");
});

test("a label chosen on a cue's characters names the cue", () => {
  const item = itemOf();
  assert.deepEqual(item.spanFields([0, 4], "hedge", "mouse").machine, { lexicon: "doubts", entry: "wait", start: 0, end: 4 });
  assert.equal(item.spanFields([0, 11], "hedge", "mouse").machine, null);
});

test("places like a cue are all cues of its entry without the label", () => {
  const item = itemOf([row("a", { seq: 1 })]);
  const places = item.similarPlaces(item.cues[0], null, "hesitation");
  assert.deepEqual(places.map(({ start, end }) => [start, end]), [[50, 54]]);
  assert.deepEqual(places[0].context.slice(1), ["Wait", ", it is 7."]);
});

test("places like chosen words are all others with the same words", () => {
  const item = itemOf();
  assert.deepEqual(item.similarPlaces(null, [0, 4], "hedge").map(({ start }) => start), [0, 50]);
  assert.deepEqual(item.similarPlaces(null, null, "hedge"), []);
});

test("labels are drawn in their colours, cues nobody answered dashed", () => {
  const item = itemOf([row("a", { seq: 1, flag: "filler", comment: "so" })]);
  const marks = item.marks();
  assert.deepEqual(marks.map(({ key, dashed = false }) => [key, dashed]), [["r:a", false], ["c:1", true], ["c:2", true], ["c:3", true]]);
  assert.deepEqual([marks[0].style, marks[0].title], ["--sth-group-h", "hesitation · filler · so"]);
  assert.deepEqual(AnnotationItem.ofMark("r:a"), { root: "a" });
  assert.deepEqual(AnnotationItem.ofMark("c:2"), { cue: 2 });
});

test("a label the scheme has lost keeps its key for a name", () => {
  assert.deepEqual(itemOf().kind("gone"), { key: "gone", name: "gone", letter: "?", style: "--sth-a", negative: false });
});

test("the same label on the same characters is found, one just written too", () => {
  const item = itemOf();
  const made = newRow({ ...item.place(0, 4), label: "hedge" });
  item.session.write([made]);
  assert.equal(item.sameLabel({ start: 0, end: 4 }, "hedge").id, made.id);
  assert.equal(item.sameLabel({ start: 0, end: 4 }, "hesitation"), undefined);
});
