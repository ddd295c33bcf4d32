import assert from "node:assert/strict";
import test from "node:test";

import { Offsets } from "../../pages/components/browser/offsets.js";
import { percentOf, tokenFigures, visibleBlanks } from "../../pages/components/viewer/trace_view/token_figures.js";
import { Tokens } from "../../pages/components/viewer/trace_view/tokens.js";

const packed = (Kind, numbers) => Buffer.from(new Kind(numbers).buffer).toString("base64");
// "🤔 so", as four tokens of which the third has no text: "🤔", " s", "", "o".
const TEXT = "🤔 so";
const given = (changed = {}) => ({
  key: "k", title: "", said: null, names: ["base", "distilled"], texts: [" s", "o", "!"],
  steps: [{ shade: "", label: "sure" }, { shade: "s1", label: "unsure" }],
  starts: packed(Int32Array, [0, 1, 3, 3]), ends: packed(Int32Array, [1, 3, 3, 4]), shades: packed(Uint8Array, [1, 1, 255, 0]),
  logprobs: packed(Float32Array, [-0.5, -2, -1, 0]), entropies: packed(Float32Array, [1, NaN, 0, 0]), others: null,
  forced: packed(Uint8Array, [1, 0, 0, 0]), top: packed(Int32Array, [0, 2, 1]), topMilli: packed(Uint16Array, [500, 2_500, 10]),
  topEnds: packed(Int32Array, [0, 2, 2, 3]), ...changed,
});
const tokens = (changed) => new Tokens(given(changed), new Offsets(TEXT));

test("tokens come packed, in code points, and are kept in units", () => {
  assert.deepEqual([...tokens().starts], [0, 2, 4, 4]);
  assert.deepEqual([...tokens().ends], [2, 4, 4, 5]);
  assert.equal(tokens().size, 4);
});

test("the token at a place is the one that holds it; one without text holds none", () => {
  assert.deepEqual([0, 1, 2, 3, 4].map((unit) => tokens().at(unit)), [0, 0, 1, 1, 3]);
  assert.equal(tokens().at(5), -1);
});

test("walking over tokens skips those without text", () => {
  assert.equal(tokens().seek(2, 1), 3);
  assert.equal(tokens().seek(2, -1), 1);
  assert.equal(tokens().seek(4, 1), -1);
  assert.equal(tokens().seek(-1, -1), -1);
});

test("neighbours of one shade are one stretch, cut to what is asked for", () => {
  assert.deepEqual(tokens().stretches(0, 5), [["s1", 0, 4]]);
  assert.deepEqual(tokens().stretches(1, 3), [["s1", 1, 3]]);
  assert.deepEqual(tokens().stretches(4, 5), [], "a step without a shade paints nothing");
});

test("alternatives come with their log-probability", () => {
  assert.deepEqual(tokens().alternatives(1), [{ text: " s", logprob: -0.5 }, { text: "!", logprob: -2.5 }]);
  assert.deepEqual(tokens().alternatives(0), []);
  assert.deepEqual(tokens().alternatives(3), [{ text: "o", logprob: -0.01 }]);
});

test("a token's figures leave out what isn't known", () => {
  assert.deepEqual(tokenFigures(tokens(), 0), ["put there, not said by the model", "probability 60.7% · surprise 0.50 nats", "entropy 1.00 nats"]);
  assert.deepEqual(tokenFigures(tokens(), 1), ["probability 13.5% · surprise 2.00 nats"]);
});

test("under two models a token has both probabilities and their signed difference", () => {
  const both = tokens({ others: packed(Float32Array, [-0.5, -1, NaN, -1]) });
  assert.deepEqual(tokenFigures(both, 1), ["13.5% base", "36.8% distilled", "difference −1.00 nats"]);
  assert.deepEqual(tokenFigures(both, 2), ["36.8% base", "unknown distilled", "entropy 0.00 nats"]);
  assert.equal(tokenFigures(both, 3)[2], "difference +1.00 nats");
});

test("probabilities are never said to be certain or impossible", () => {
  assert.deepEqual([0, -0.0004, -20, Math.log(0.005), Math.log(0.5)].map(percentOf), [">99.9%", ">99.9%", "<0.01%", "0.50%", "50.0%"]);
});

test("blanks of a token can be seen", () => {
  assert.equal(visibleBlanks(" a\n\tb"), "␣a⏎⇥b");
});
