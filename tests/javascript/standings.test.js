import assert from "node:assert/strict";
import test from "node:test";

import { finishedByAll, mean, standing, wilson } from "../../pages/components/live/live_view/standings.js";

test("a trace stands as it was judged", () => {
  assert.equal(standing(null), "waiting");
  assert.equal(standing({ state: "waiting", done: null }), "waiting");
  assert.equal(standing({ state: "writing", done: null }), "writing");
  assert.equal(standing({ state: "failed", done: null }), "failed");
  assert.deepEqual([true, false, null].map((correct) => standing({ state: "done", done: { correct } })), ["right", "wrong", "open"]);
});

test("figures count what every arm has finished", () => {
  const [done, failed, writing] = ["done", "failed", "writing"].map((state) => ({ state }));
  assert.deepEqual(finishedByAll([[done, done, null, failed], [null, done, done, done]]), [1, 3]);
  assert.deepEqual(finishedByAll([[done, writing, done]]), [0, 2]);
  assert.deepEqual(finishedByAll([[done], [writing]]), []);
  assert.deepEqual(finishedByAll([]), []);
});

test("Wilson's interval of a share in percent", () => {
  // Newcombe 1998, Stat. Med. 17: 857, table I, method 3: 81/263, 15/148, 0/20, 1/29.
  assert.deepEqual(wilson(81, 263), [26, 37]);
  assert.deepEqual(wilson(15, 148), [6, 16]);
  assert.equal(wilson(0, 20).join(), "0,16");
  assert.deepEqual(wilson(1, 29), [1, 17]);
  assert.deepEqual(wilson(20, 20), [84, 100]);
});

test("the mean is of what is known", () => {
  assert.equal(mean([1, null, 3, undefined]), 2);
  assert.equal(mean([0]), 0);
  assert.equal(mean([null]), null);
  assert.equal(mean([]), null);
});
