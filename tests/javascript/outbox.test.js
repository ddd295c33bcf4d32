import assert from "node:assert/strict";
import test from "node:test";

import { savedWords } from "../../pages/components/labelling/labelling_view/save_status.js";
import { MemoryStore, outboxOn, row, settle } from "./labelling_parts.js";

const SERVER_DOWN = new Error("connection refused");
const connection = { token: "t1", url: "annotate/save", item: "i1", lastSeq: () => 3 };

test("a row is sent, acknowledged, and forgotten by the browser", async () => {
  const store = new MemoryStore();
  const { outbox, posted, saved } = outboxOn(store);
  outbox.connect(connection);
  await settle();
  outbox.add("i1", [row("a")]);
  assert.equal([...store.entries.keys()].filter((name) => name.includes(".row.")).length, 1, "kept before it is sent");
  await settle();
  assert.deepEqual(posted.at(-1).rows.map(({ id, root }) => [id, root]), [["a", ""]], "a new label names no root");
  assert.equal(posted.at(-1).after, 3);
  assert.deepEqual(saved.at(-1), [["a"], []]);
  assert.equal(store.entries.size, 0);
  assert.equal(outbox.delivered, true);
});

test("a dead server is asked again, at growing intervals, until it has the row", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { outbox, posted } = outboxOn(new MemoryStore(), { answers: [SERVER_DOWN, SERVER_DOWN, { status: 502, body: {} }] });
  outbox.add("i1", [row("a")]);
  outbox.connect(connection);
  await settle();
  assert.equal(outbox.trouble, "the server doesn’t answer");
  for (const [wait, calls] of [[499, 1], [1, 2], [999, 2], [1, 3], [1_999, 3], [1, 4]]) {
    t.mock.timers.tick(wait);
    await settle();
    assert.equal(posted.length, calls, `after ${wait} ms more`);
  }
  assert.deepEqual([outbox.trouble, outbox.rows.length, outbox.failures], ["", 0, 0]);
});

test("what a closed page left is sent by the next, the oldest first", async () => {
  const store = new MemoryStore();
  const first = outboxOn(store);
  first.outbox.add("i1", [row("b"), row("a")]);
  first.outbox.add("i1", [row("c")]);
  first.outbox.close();
  const second = outboxOn(store);
  second.outbox.add("i1", [row("d")]);
  second.outbox.connect(connection);
  await settle();
  assert.deepEqual(second.posted.flatMap(({ rows }) => rows.map(({ id }) => id)), ["b", "a", "c", "d"]);
});

test("rows written while others are on their way wait for them", async () => {
  const { outbox, posted } = outboxOn(new MemoryStore());
  outbox.connect(connection);
  outbox.add("i1", [row("a")]);
  outbox.add("i1", [row("b")]);
  await settle();
  assert.deepEqual(posted.map(({ rows }) => rows.map(({ id }) => id)), [[], ["a", "b"]]);
});

test("rows of several items go item by item, in batches", async () => {
  const { outbox, posted } = outboxOn(new MemoryStore());
  outbox.add("i2", [row("x")]);
  outbox.add("i1", Array.from({ length: 250 }, (_, k) => row(`r${k}`)));
  outbox.connect(connection);
  await settle();
  assert.deepEqual(posted.map(({ item, rows }) => [item, rows.length]), [["i2", 1], ["i1", 200], ["i1", 50]]);
  assert.deepEqual(posted.map(({ after }) => after), [null, 3, 3], "the log of another item isn't asked for");
});

test("a mark goes with the last rows of its item", async () => {
  const { outbox, posted } = outboxOn(new MemoryStore());
  outbox.add("i1", Array.from({ length: 201 }, (_, k) => row(`r${k}`)));
  outbox.mark("i1", { state: "done" });
  outbox.connect(connection);
  assert.equal(outbox.delivered, false);
  await settle();
  assert.deepEqual(posted.map(({ mark }) => mark), [null, { state: "done" }]);
  assert.equal(outbox.delivered, true);
});

test("nothing is called saved while word of an item waits", async () => {
  const { outbox } = outboxOn(new MemoryStore());
  assert.equal(savedWords(outbox), "all saved");
  outbox.mark("i1", { place: 4 });
  assert.equal(savedWords(outbox), "all saved", "where somebody reads is nothing they would lose");
  outbox.mark("i1", { settled: false });
  assert.equal(savedWords(outbox), "saving…");
  outbox.trouble = "the server doesn’t answer";
  assert.equal(savedWords(outbox), "not saved yet: the server doesn’t answer");
  outbox.trouble = "";
  outbox.connect(connection);
  await settle();
  assert.equal(savedWords(outbox), "all saved");
});

test("of marks the last word counts, and seconds add up", async () => {
  const store = new MemoryStore();
  const { outbox, posted } = outboxOn(store);
  outbox.mark("i1", { seconds: 20, place: 4 });
  outbox.mark("i1", { seconds: 5, place: 9 });
  outbox.connect(connection);
  await settle();
  assert.deepEqual(posted[0].mark, { seconds: 25, place: 9 });
  assert.equal(store.entries.size, 0);
});

test("what is said of an item while its mark is on its way isn't lost", async () => {
  const { outbox, posted } = outboxOn(new MemoryStore());
  outbox.mark("i1", { seconds: 20, state: "flagged" });
  outbox.connect(connection);
  outbox.mark("i1", { seconds: 7, state: "open" });
  await settle();
  assert.deepEqual(posted.map(({ mark }) => mark), [{ seconds: 20, state: "flagged" }, { state: "open", seconds: 7 }]);
});

test("one refused row is found, set aside and told; the others are saved", async () => {
  const store = new MemoryStore();
  const refusal = { status: 400, body: { error: "This project is closed." } };
  const { outbox, posted } = outboxOn(store, { answers: [refusal, undefined, refusal] });
  outbox.add("i1", [row("a"), row("bad"), row("c")]);
  outbox.connect(connection);
  await settle();
  assert.deepEqual(posted.map(({ rows }) => rows.map(({ id }) => id)), [["a", "bad", "c"], ["a"], ["bad"], ["c"]]);
  assert.deepEqual(outbox.refused.map(({ row: one, sentence }) => [one.id, sentence]), [["bad", "This project is closed."]]);
  assert.deepEqual(outboxOn(store).outbox.refused.map(({ row: one }) => one.id), ["bad"], "a reload still tells it");
  outbox.forgetRefused();
  assert.equal(store.entries.size, 0);
});

test("a token that is refused is renewed, and the row sent with the new one", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { outbox, posted, renewals } = outboxOn(new MemoryStore(), { answers: [{ status: 403, body: {} }] });
  outbox.add("i1", [row("a")]);
  outbox.connect(connection);
  await settle();
  assert.equal(renewals.length, 1);
  outbox.connect({ ...connection, token: "t2" });
  t.mock.timers.tick(500);
  await settle();
  assert.deepEqual(posted[1].rows.map(({ id }) => id), ["a"]);
  assert.deepEqual(outbox.rows, []);
});

test("the entries are where earlier versions of the app left theirs", async () => {
  const store = new MemoryStore();
  const waiting = { ...row("a"), root: "", item: "i1", order: 1 };
  store.setItem("second-thoughts.ana.p1.row.a", JSON.stringify(waiting));
  store.setItem("second-thoughts.ana.p1.mark.i1", JSON.stringify({ state: "done", seconds: 3 }));
  store.setItem("second-thoughts.ana.p2.row.z", JSON.stringify({ ...row("z"), item: "i9", order: 1 }));
  const { outbox, posted } = outboxOn(store);
  outbox.connect(connection);
  await settle();
  const { item: _, order: __, ...sent } = waiting;
  assert.deepEqual(posted, [{ item: "i1", rows: [sent], mark: { state: "done", seconds: 3 }, after: 3 }]);
  assert.deepEqual([...store.entries.keys()], ["second-thoughts.ana.p2.row.z"], "another project's wait for it to be opened");
});

test("a closed outbox sends nothing more", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { outbox, posted } = outboxOn(new MemoryStore(), { answers: [SERVER_DOWN] });
  outbox.add("i1", [row("a")]);
  outbox.connect(connection);
  await settle();
  outbox.close();
  t.mock.timers.tick(60_000);
  await settle();
  assert.equal(posted.length, 1);
});
