import assert from "node:assert/strict";
import test from "node:test";

import { placeOf, targetOf } from "../../pages/components/viewer/trace_view/linked_scroll.js";
import { permalink } from "../../pages/components/viewer/trace_view/selection_bar.js";

const body = (scrollTop, clientHeight, parts) => {
  let top = 0;
  const sections = parts.map(([name, height]) => {
    const el = { offsetTop: top, offsetHeight: height };
    top += height;
    return { name, el };
  });
  return { scroller: { scrollTop, clientHeight, scrollHeight: top }, sections };
};
const SHORT = [["think", 1_000], ["answer", 100]];
const LONG = [["think", 9_000], ["answer", 1_000]];

test("ends meet ends", () => {
  assert.equal(targetOf(body(0, 100, LONG), placeOf(body(0, 100, SHORT))), 0);
  assert.equal(targetOf(body(0, 100, LONG), placeOf(body(1_000, 100, SHORT))), 9_900);
});

test("the same share of the same section", () => {
  const place = placeOf(body(500, 100, SHORT));
  assert.equal(place.name, "think");
  const there = body(targetOf(body(0, 100, LONG), place), 100, LONG);
  assert.ok(Math.abs(placeOf(there).share - place.share) < 1e-9);
  assert.equal(placeOf(there).name, "think");
});

test("where only one has the section, the same share of the whole", () => {
  const place = placeOf(body(500, 100, SHORT));
  assert.equal(targetOf(body(0, 100, [["answer", 10_100]]), place), 5_000);
});

test("a text shorter than its pane stands still", () => {
  assert.deepEqual(placeOf(body(0, 2_000, SHORT)), { whole: 0, name: "think", share: 0 });
  assert.equal(targetOf(body(0, 2_000, SHORT), { whole: 0.5, name: null, share: 0.5 }), 0);
});

test("a permalink keeps the page's own query", () => {
  assert.equal(permalink("http://localhost:8501/compare?runs=a,b&range=1-2", "B", [10, 14]),
    "http://localhost:8501/compare?runs=a%2Cb&range=10-14&pane=B");
});
