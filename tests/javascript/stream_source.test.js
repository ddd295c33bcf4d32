import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";

import { StreamSource } from "../../pages/components/live/live_view/stream_source.js";

/** A server's end of the connections that were opened. */
class FakeEventSource {
  static CLOSED = 2;
  static opened = [];

  constructor(address) {
    this.query = Object.fromEntries(address.searchParams);
    this.readyState = 1;
    FakeEventSource.opened.push(this);
  }

  close() {
    this.readyState = FakeEventSource.CLOSED;
  }

  send(number, ...items) {
    this.onmessage({ data: JSON.stringify({ items, back: false }), lastEventId: String(number) });
  }

  refuse() {
    this.readyState = FakeEventSource.CLOSED;
    this.onerror();
  }
}

globalThis.EventSource = FakeEventSource;
globalThis.document = { baseURI: "http://127.0.0.1:8501/compare" };
globalThis.window = globalThis;
const ASKED = { job: "j", lexicon: "l", token: "t1", problem: 0, sample: 0 };
const connection = () => FakeEventSource.opened.at(-1);
let events;

function source() {
  return new StreamSource({
    items: (items) => events.push(...items.map(({ k }) => k)),
    trouble: (lost) => events.push(lost ? "lost" : "back"),
    renew: () => events.push("renew"),
  });
}

beforeEach(() => {
  FakeEventSource.opened = [];
  events = [];
});

test("asking for the same again opens nothing", () => {
  const listening = source();
  assert.equal(listening.follow(ASKED), true);
  assert.equal(listening.follow({ ...ASKED, token: "t2" }), false);
  assert.equal(FakeEventSource.opened.length, 1);
  assert.equal(listening.follow({ ...ASKED, problem: 1 }), true);
  assert.equal(connection().query.problem, "1");
  listening.close();
});

test("a connection goes on after the last message", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const listening = source();
  listening.follow(ASKED);
  connection().send(4, { k: "plan" });
  connection().send(4, { k: "plan" });
  connection().send(0, { k: "job" });
  assert.deepEqual(events, ["plan", "job"], "a message that came before is left out; a job's row has no number");
  connection().refuse();
  context.mock.timers.tick(1_000);
  assert.equal(FakeEventSource.opened.length, 2);
  assert.equal(connection().query.after, "4");
  listening.close();
});

test("messages of a connection that was given up are nobody's", () => {
  const listening = source();
  listening.follow(ASKED);
  const old = connection();
  listening.follow({ ...ASKED, sample: 1 });
  old.send(1, { k: "plan" });
  old.onerror();
  assert.deepEqual(events, []);
  listening.close();
});

test("the end of a job ends the connection", () => {
  const listening = source();
  listening.follow(ASKED);
  connection().send(1, { k: "end" }, { k: "over" });
  assert.equal(connection().readyState, FakeEventSource.CLOSED);
  assert.equal(listening.follow(ASKED), false);
  assert.equal(FakeEventSource.opened.length, 1);
});

test("a refusal is waited for longer each time, and asks for a new token once", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const listening = source();
  listening.follow(ASKED);
  connection().refuse();
  assert.deepEqual(events, ["lost"]);
  context.mock.timers.tick(999);
  assert.equal(FakeEventSource.opened.length, 1);
  context.mock.timers.tick(1);
  connection().refuse();
  context.mock.timers.tick(2_000);
  connection().refuse();
  assert.deepEqual(events, ["lost", "lost", "renew", "lost"]);
  listening.follow({ ...ASKED, token: "t2" });
  assert.equal(connection().query.token, "t2", "a new token is tried at once");
  connection().onopen();
  assert.equal(events.at(-1), "back");
  listening.close();
});

test("while the browser tries again by itself nothing is opened", () => {
  const listening = source();
  listening.follow(ASKED);
  connection().readyState = 0;
  connection().onerror();
  assert.deepEqual(events, ["lost"]);
  assert.equal(FakeEventSource.opened.length, 1);
  listening.close();
});
