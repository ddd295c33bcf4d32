import assert from "node:assert/strict";
import test from "node:test";

import { commandFor } from "../../pages/parts/adjudicate/adjudicate_view/adjudicate_keys.js";
import { AdjudicationItem } from "../../pages/parts/adjudicate/adjudicate_view/adjudication_item.js";
import {
  adoptedLabels, decisionRows, hasReason, reasonRows, rejection, relabelled,
} from "../../pages/parts/adjudicate/adjudicate_view/decisions.js";
import { laneName, nextOpenPlace, placesOf } from "../../pages/parts/adjudicate/adjudicate_view/places.js";
import { LABELS, MemoryStore, row, sessionOn, TEXT } from "./labelling_parts.js";

const ANA = { name: "Ana", done: true, labels: [row("a1"), row("a2", { start: 6, end: 11, quote: "maybe", label: "hedge", flag: "filler" })] };
const BEN = { name: "Ben", done: true, labels: [row("b1"), row("b2", { start: 6, end: 15, quote: "maybe the", label: "hedge" })] };
const gold = (id, fields) => row(id, { start: 6, end: 11, quote: "maybe", label: "hedge", seq: 9, ...fields });
const spans = (places) => places.map(({ start, end }) => [start, end]);

test("a place is a run of characters where labels of any lane or gold overlap", () => {
  const places = placesOf([ANA, BEN], [gold("g", { start: 14, end: 20 })]);
  assert.deepEqual(spans(places), [[0, 4], [6, 20]]);
  assert.deepEqual(places[1].labels.map(({ lane, id }) => [lane, id]), [[0, "a2"], [1, "b2"]]);
  assert.deepEqual(places[1].gold.map(({ id }) => id), ["g"]);
});

test("labels that only touch are places of their own", () => {
  const lane = { name: "Ana", done: true, labels: [row("a"), row("b", { start: 4, end: 6 })] };
  assert.deepEqual(spans(placesOf([lane], [])), [[0, 4], [4, 6]]);
});

test("lanes agree where each has the same label on the same characters", () => {
  assert.deepEqual(placesOf([ANA, BEN], []).map(({ agreed }) => agreed), [true, false]);
  assert.equal(placesOf([ANA, { name: "Cid", done: false, labels: [] }], [])[0].agreed, false);
});

test("the next open place comes after, or is the first of all", () => {
  const places = placesOf([ANA, BEN], [gold("g")]);
  assert.equal(nextOpenPlace(places, 0).index, 0);
  assert.equal(nextOpenPlace(placesOf([ANA, BEN], []), 0).index, 1);
  assert.equal(nextOpenPlace([], -1), undefined);
});

test("lanes are letters until somebody asks who is who", () => {
  assert.deepEqual([laneName([ANA, BEN], 1, false), laneName([ANA, BEN], 1, true)], ["B", "Ben"]);
});

test("adopting a lane takes its labels and uses, and nobody's comments", () => {
  const [, place] = placesOf([ANA, BEN], []);
  assert.deepEqual(adoptedLabels(place, 0), [{ start: 6, end: 11, quote: "maybe", label: "hedge", flag: "filler" }]);
  assert.deepEqual(adoptedLabels(place, 2), []);
});

test("a decision corrects the gold that stands and withdraws what is too much", () => {
  const [, place] = placesOf([ANA, BEN], [gold("g1"), gold("g2", { start: 12, end: 15 })]);
  const rows = decisionRows(place, adoptedLabels(place, 1), "adopted", "t");
  assert.deepEqual(rows.map(({ op, root, how }) => [op, root, how]), [["put", "g1", "adopted"], ["withdraw", "g2", "keyboard"]]);
});

test("a first decision is a label of its own root", () => {
  const [place] = placesOf([ANA], []);
  const [made] = decisionRows(place, adoptedLabels(place, 0), "adopted", "t");
  assert.equal(made.root, made.id);
});

test("a rejection covers the whole place", () => {
  const [, place] = placesOf([ANA, BEN], []);
  assert.deepEqual(rejection(place, "maybe the"), [{ op: "reject", start: 6, end: 15, quote: "maybe the", label: "hedge" }]);
  const [alone] = placesOf([], [gold("g")]);
  assert.equal(rejection(alone, "maybe")[0].label, "hedge");
});

test("another label lies on the gold, else on the first annotator's span", () => {
  const [, open] = placesOf([ANA, BEN], []);
  assert.deepEqual(relabelled(open, "hesitation"), [{ start: 6, end: 11, quote: "maybe", flag: "filler", label: "hesitation" }]);
  const [, decided] = placesOf([ANA, BEN], [gold("g", { start: 6, end: 15 })]);
  assert.deepEqual(relabelled(decided, "hesitation").map(({ start, end }) => [start, end]), [[6, 15]]);
  const [, rejected] = placesOf([ANA, BEN], [gold("g", { op: "reject", start: 6, end: 15 })]);
  assert.deepEqual(relabelled(rejected, "hesitation").map(({ end }) => end), [11], "a rejection has no span to keep");
});

test("a reason is given, and taken away by asking again", () => {
  const [, place] = placesOf([ANA, BEN], [gold("g")]);
  const [given] = reasonRows(place, "slip");
  assert.deepEqual([given.reason, given.root], ["slip", "g"]);
  const [, after] = placesOf([ANA, BEN], [given]);
  assert.equal(hasReason(after, "slip"), true);
  assert.equal(reasonRows(after, "slip")[0].reason, "");
});

test("keys ask for what can be done where one is", () => {
  const state = { writable: true, labels: LABELS, lanes: 2, isAtPlace: true };
  const asked = (key, more = {}, shiftKey = false) => commandFor({ key, shiftKey }, { ...state, ...more });
  assert.deepEqual(asked("2"), { act: "adopt", lane: 1 });
  assert.equal(asked("3"), null, "there is no third lane");
  assert.equal(asked("2", { isAtPlace: false }), null);
  assert.deepEqual(asked("0"), { act: "reject" });
  assert.deepEqual(asked("b"), { act: "reason", reason: 1 });
  assert.deepEqual(asked("M", {}, true), { act: "label", key: "hedge" });
  assert.deepEqual(asked("X", {}, true), { act: "label", key: "not-a-cue" });
  assert.equal(asked("M"), null);
  assert.deepEqual(asked("e"), { act: "settle" });
  assert.deepEqual([asked("n", { writable: false }), asked("e", { writable: false })], [{ act: "walk", step: 1 }, null]);
});

test("an item's current place outlives one that goes", () => {
  const data = { item: "i1", text: TEXT, sha256: "t", start: 0, end: 60, labels: LABELS, lanes: [ANA, BEN], settled: false };
  const item = new AdjudicationItem(data, sessionOn(new MemoryStore(), [gold("g", { start: 20, end: 22 })]));
  item.refresh();
  item.current = 2;
  item.session.write([row("w", { root: "g", op: "withdraw" })]);
  item.refresh();
  assert.deepEqual([item.places.length, item.current, item.quote(item.place)], [2, 1, "maybe the"]);
});

test("gold is the thick line below the lanes, a rejection a dash without colour", () => {
  const data = { item: "i1", text: TEXT, sha256: "t", start: 0, end: 60, labels: LABELS, lanes: [ANA, BEN], settled: false };
  const item = new AdjudicationItem(data, sessionOn(new MemoryStore(), [gold("g", { op: "reject" })]));
  item.refresh();
  const marks = item.marks().filter(({ key }) => key === "p:1");
  assert.deepEqual(marks.map(({ level, thick = false }) => [level, thick]).sort(), [[0, false], [1, false], [2, true]]);
  const rejected = marks.find(({ thick }) => thick);
  assert.deepEqual([rejected.letter, rejected.style, rejected.gold], ["–", "--sth-mute", false]);
});
