import assert from "node:assert/strict";
import test from "node:test";

import { WorkTimer } from "../../pages/parts/annotate/annotate_view/work_timer.js";

function timerAt(clock) {
  const timer = new WorkTimer(() => clock.now);
  timer.begin(58);
  return timer;
}

test("seconds count while somebody is at work, and not a minute after", () => {
  const clock = { now: 0 };
  const timer = timerAt(clock);
  timer.touch();
  assert.deepEqual([timer.tick(), timer.tick(), timer.clock], [true, true, "1:00"]);
  clock.now = 60_001;
  assert.deepEqual([timer.tick(), timer.clock], [false, "1:00"]);
  timer.touch();
  assert.equal(timer.tick(), true);
});

test("every twenty seconds are due to be reported, and reported once", () => {
  const timer = timerAt({ now: 0 });
  for (let k = 0; k < 19; k += 1) timer.tick();
  assert.equal(timer.due, false);
  timer.tick();
  assert.deepEqual([timer.due, timer.report(), timer.report(), timer.due], [true, 20, 0, false]);
});
