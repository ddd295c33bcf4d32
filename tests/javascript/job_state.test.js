import assert from "node:assert/strict";
import test from "node:test";

import { JobState, Trace } from "../../pages/components/live/live_view/job_state.js";

const PLAN = { k: "plan", arms: [{ title: "base" }, { title: "distilled" }], problems: [{}, {}, {}], samples: 2, focus: [1, 1] };
const text = (t, n, rest = {}) => ({ k: "text", i: 0, t, n, m: 0, ...rest });
const grown = (...additions) => {
  const trace = new Trace(0);
  for (const addition of additions) trace.add(addition, true);
  return trace;
};

test("traces are numbered by arm, problem and sample", () => {
  const state = new JobState();
  state.apply(PLAN, true);
  assert.equal(state.shownIndex(PLAN, 0), 3);
  assert.equal(state.shownIndex(PLAN, 1), 9);
  state.apply({ k: "open", i: 7 }, true);
  assert.deepEqual(state.ofArm(PLAN, 1).map((trace) => trace?.index ?? null), [null, 7, null, null, null, null]);
});

test("a trace goes from waiting over writing to done", () => {
  const state = new JobState();
  assert.equal(state.trace(0).state, "waiting");
  state.apply({ k: "open", i: 0, prompt: "2+2?" }, true);
  assert.deepEqual([state.trace(0).state, state.trace(0).prompt], ["writing", "2+2?"]);
  const { version } = state.trace(0);
  state.apply({ k: "done", i: 0, correct: true, tokens: 12, cues: 2, seconds: 3 }, true);
  assert.equal(state.trace(0).state, "done");
  assert.ok(state.trace(0).version > version, "what doesn't hang on each token is drawn anew");
  state.apply({ k: "failed", i: 1, reason: "out of memory" }, true);
  assert.deepEqual([state.trace(1).state, state.trace(1).reason], ["failed", "out of memory"]);
});

test("marks of thinking are those of the table the page was given", () => {
  const state = new JobState(/\[\/?think\]/gi);
  state.apply(text("[THI", [4]), true);
  state.apply(text("NK]hm[/think] <think>", [17]), true);
  assert.deepEqual(state.trace(0).tags, [[0, 7], [9, 17]]);
});

test("a trace that begins anew forgets what was there", () => {
  const state = new JobState();
  state.apply({ k: "open", i: 0 }, true);
  state.apply(text("Wait", [4], { c: [[0, 4, "wait", 0]] }), true);
  const first = state.trace(0);
  state.apply({ k: "open", i: 0 }, true);
  assert.notEqual(state.trace(0), first, "views tell a new trace by its object");
  assert.deepEqual([state.trace(0).text, state.trace(0).marks, state.trace(0).from], ["", [], 0]);
});

test("what stands about a job is kept", () => {
  const state = new JobState();
  state.apply({ k: "job", state: "running", total: 4, done: 1 }, true);
  state.apply({ k: "end", error: "boom" }, true);
  assert.equal(state.over, false);
  state.apply({ k: "over" }, true);
  assert.deepEqual([state.job.done, state.end.error, state.over], [1, "boom", true]);
});

test("tokens end where their code points end", () => {
  const trace = grown(text("🤔 so", [1, 2]), text("", [0]), text("!", [1]));
  assert.deepEqual(trace.ends, [1, 3, 3, 4]);
  assert.equal(trace.tokenStart(0), 0);
  assert.equal(trace.tokenStart(3), 3);
  assert.deepEqual([0, 1, 2, 3].map((point) => trace.tokenAt(point)), [0, 1, 1, 3], "a token without text holds no place");
  assert.equal(trace.tokenAt(4), -1);
});

test("figures that didn't come are unknown", () => {
  const trace = grown(text("a", [1]), text("bc", [1, 1], { lp: [-1, null], h: [0.5, 0.25] }));
  assert.deepEqual(trace.logprobs, [null, -1, null]);
  assert.deepEqual(trace.entropies, [null, 0.5, 0.25]);
});

test("an addition says from where to draw anew", () => {
  const trace = grown(text("So wait", [2, 5], { c: [[3, 7, "wait", 0]] }));
  trace.from = null; // drawn
  trace.add(text(" a bit", [6], { m: 1 }), true);
  assert.equal(trace.from, 7, "what stands is left alone");
  trace.from = null;
  trace.add(text(", no", [4], { m: 0, c: [[3, 13, "wait a bit", 0]] }), true);
  assert.equal(trace.from, 3, "a mark that changed is drawn anew");
  assert.deepEqual(trace.marks, [[3, 13, "wait a bit", 0]]);
});

test("additions before a drawing add up", () => {
  const trace = grown(text("one ", [4]), text("two ", [4]), text("three", [5]));
  assert.equal(trace.from, 0);
});

test("marks of the last addition are fresh, unless they were there before the page listened", () => {
  const trace = grown(text("wait", [4], { c: [[0, 4, "wait", 0]] }));
  trace.add(text(" hmm", [4], { m: 1, c: [[5, 8, "hmm", 1]] }), true);
  assert.equal(trace.freshFrom, 1);
  trace.add(text(" hmm", [4], { m: 2, c: [[9, 12, "hmm", 1]] }), false);
  assert.equal(trace.freshFrom, Infinity);
});

test("a think tag that arrives in pieces is one tag", () => {
  const trace = grown(text("<th", [3]), text("ink>\nSo", [7]));
  assert.deepEqual(trace.tags, [[0, 7]]);
  trace.from = null;
  trace.add(text(" x</thin", [8]), true);
  trace.from = null;
  trace.add(text("k> 4", [4]), true);
  assert.deepEqual(trace.tags, [[0, 7], [12, 20]]);
  assert.equal(trace.from, 12, "its beginning is drawn anew");
});

test("forced tokens end before the model's own", () => {
  const trace = grown(text("Wait,", [4, 1], { f: 2 }), text(" so", [3]));
  assert.equal(trace.forcedPoints(), 5);
  assert.equal(grown(text("a", [1])).forcedPoints(), 0);
});

test("speed is known from the third addition on, and of the whole at the end", (context) => {
  let now = 0;
  context.mock.method(performance, "now", () => now);
  const trace = new Trace(0);
  for (now of [0, 200, 400]) trace.add(text("abcde", [1, 1, 1, 1, 1]), true);
  now = 500;
  assert.equal(trace.rate(), 20, "10 tokens in half a second; the first addition is where the clock starts");
  now = 2_300;
  assert.equal(trace.rate(), null, "of the last two seconds alone");
  trace.finish({ tokens: 15, seconds: 3 });
  assert.equal(trace.rate(), 5);
  trace.finish({ tokens: 15, seconds: 0 });
  assert.equal(trace.rate(), null);
});

test("the ledger's counts replace our own once a trace is done", () => {
  const trace = grown(text("wait wait", [4, 5], { c: [[0, 4, "wait", 0], [5, 9, "wait", 0]] }));
  assert.deepEqual([trace.cues(), trace.tokens()], [2, 2]);
  trace.finish({ cues: 7, tokens: 99, seconds: 1 });
  assert.deepEqual([trace.cues(), trace.tokens()], [7, 99]);
});
