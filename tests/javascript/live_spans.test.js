import assert from "node:assert/strict";
import test from "node:test";

import { Offsets } from "../../pages/components/browser/offsets.js";
import { liveSpans } from "../../pages/components/live/live_view/live_spans.js";
import { insertedText, oddsOf } from "../../pages/components/live/live_view/token_odds.js";

const GROUPS = [{ letter: "S", label: "self-correction" }, { letter: "H", label: "hedge" }];
const trace = (text, marks, tags = [], freshFrom = 0) => ({ marks, tags, offsets: new Offsets(text), freshFrom });
const drawn = ({ kind, start, end }) => [kind, start, end];

test("marks come in code points, tags in units", () => {
  const text = "<think>🤔 wait</think>";
  const spans = liveSpans(trace(text, [[9, 13, "wait", 0]], [[0, 7], [14, 22]]), GROUPS, 0);
  assert.deepEqual(spans.map(drawn), [["tag", 0, 7], ["cue", 10, 14], ["tag", 14, 22]]);
  assert.equal(spans[1].letter, "S");
});

test("only what ends after the drawn text, cut to it", () => {
  const marks = [[0, 4, "wait", 0], [5, 10, "maybe", 1], [11, 14, "hmm", 0]];
  assert.deepEqual(liveSpans(trace("wait maybe hmm", marks), GROUPS, 7).map(drawn), [["cue", 7, 10], ["cue", 11, 14]]);
  assert.deepEqual(liveSpans(trace("wait maybe hmm", marks), GROUPS, 14), []);
});

test("marks that overlap are disjoint, and each knows whether it is fresh", () => {
  const marks = [[0, 8, "wait, no", 0], [6, 12, "no, hmm", 1]];
  const spans = liveSpans(trace("wait, no hmm", marks, [], 1), GROUPS, 0);
  assert.deepEqual(spans.map(({ start, end, fresh }) => [start, end, fresh]), [[0, 8, false], [8, 12, true]]);
});

test("a token's odds are what is known of it", () => {
  const known = { logprobs: [null, Math.log(0.78), 0, -9], entropies: [null, 1.5, null, 0], forced: 1 };
  assert.deepEqual([0, 1, 2, 3].map((token) => oddsOf(known, token)),
    ["put there", "probability 78% · entropy 1.50 nats", "probability >99%", "probability <1% · entropy 0.00 nats"]);
});

test("a word takes the chosen token's place and keeps the blank before it", () => {
  assert.equal(insertedText(" Hmm", "Maybe"), " Maybe");
  assert.equal(insertedText("\n\nHmm", " Maybe "), "\n\nMaybe");
  assert.equal(insertedText("Hmm", "Maybe"), "Maybe");
  assert.equal(insertedText(" Hmm", "  "), "", "no word: the trace goes on from before the token");
});
