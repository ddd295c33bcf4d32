import assert from "node:assert/strict";
import test from "node:test";

import { cueBins, nextCuePlace, tickPlaces } from "../../pages/components/viewer/trace_view/cue_places.js";

const cue = (start, letter = "S") => ({ start, letter });

test("the map has one tick a row and group, groups of a row side by side", () => {
  const ticks = tickPlaces([cue(0), cue(1), cue(2, "H"), cue(5_000, "H")], 10_000);
  assert.deepEqual(ticks, [
    { letter: "S", top: 0, left: 0, width: 50 },
    { letter: "H", top: 0, left: 50, width: 50 },
    { letter: "H", top: 50, left: 0, width: 100 },
  ]);
});

test("any number of cues makes a bounded map", () => {
  const cues = Array.from({ length: 50_000 }, (_, k) => cue(k, "SHAVNI"[k % 6]));
  assert.ok(tickPlaces(cues, cues.length).length <= 320 * 6);
});

test("an empty text has a map and a chart without anything", () => {
  assert.deepEqual(tickPlaces([], 0), []);
  assert.deepEqual(cueBins([], 0).bins, new Array(48).fill(0));
});

test("the chart counts cues in equal parts and names the densest", () => {
  const { bins, most, peak } = cueBins([cue(0), cue(510), cue(515), cue(999)], 1_000);
  assert.equal(bins.reduce((sum, number) => sum + number), 4);
  assert.equal(most, 2);
  assert.equal(peak, 51);
  assert.equal(bins[47], 1, "a cue at the very end falls into the last part");
});

test("the next cue follows the current one", () => {
  const cues = [cue(10), cue(20), cue(30)];
  assert.equal(nextCuePlace(cues, 1, 0, 1), 2);
  assert.equal(nextCuePlace(cues, 1, 25, -1), 0, "wherever the view stands");
  assert.equal(nextCuePlace(cues, 2, 0, 1), 3);
  assert.equal(nextCuePlace(cues, 0, 0, -1), -1);
});

test("without a current cue it is the next one from the top of the view", () => {
  const cues = [cue(10), cue(20), cue(30)];
  assert.equal(nextCuePlace(cues, -1, 0, 1), 0);
  assert.equal(nextCuePlace(cues, -1, 20, 1), 1, "a cue at the top counts");
  assert.equal(nextCuePlace(cues, -1, 20, -1), 0);
  assert.equal(nextCuePlace(cues, -1, 0, -1), -1);
});
