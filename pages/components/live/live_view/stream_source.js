// The connection to a job's stream: one EventSource, which goes on where it broke off.

/**
 * @typedef {{ job: string, lexicon: string, token: string, problem: number, sample: number }} Asked
 * @typedef {import("./job_state.js").Item} Item
 * @typedef {object} Listener
 * @property {(items: Item[], live: boolean) => void} items  `live` is false for what was there before
 * @property {(lost: boolean) => void} trouble  the connection is lost, or there again
 * @property {() => void} renew  a new token is wanted
 */

const FIRST_WAIT = 500; // ms
const LONGEST_WAIT = 8_000;
const RENEW_FROM = 2; // failures in a row before a new token is asked for
const RENEW_EVERY = 15_000; // ms

export class StreamSource {
  /** @type {Asked} */ asked;
  /** @type {EventSource | null} */ stream = null;
  /** @type {number | undefined} the timer of the next try */ waiting;
  key = "";
  tried = ""; // the token the connection was opened with
  last = 0; // the number of the last message, after which a new connection goes on
  failures = 0;
  renewed = -RENEW_EVERY; // when a new token was asked for
  ended = false;

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
  }

  /**
   * Listens to what is asked for. Streams start anew where that has changed; a new token alone serves only a connection
   * that is lost. Returns whether the stream starts anew.
   * @param {Asked} asked
   */
  follow(asked) {
    const { token, ...what } = asked;
    const key = JSON.stringify(what);
    const same = key === this.key;
    this.asked = asked;
    if (same && (this.ended || this.stream)) return false;
    this.key = key;
    if (!same) {
      this.last = 0;
      this.failures = 0;
      this.ended = false;
    }
    this.open();
    return !same;
  }

  open() {
    this.close();
    const { job, lexicon, token, problem, sample } = this.asked;
    const address = new URL("live/stream", document.baseURI);
    address.search = String(new URLSearchParams(
      { job, lexicon, token, problem: String(problem), sample: String(sample), after: String(this.last) }));
    this.tried = token;
    const stream = new EventSource(address);
    this.stream = stream;
    stream.onmessage = (event) => this.received(stream, event);
    stream.onopen = () => {
      this.failures = 0;
      this.listener.trouble(false);
    };
    stream.onerror = () => this.failed(stream);
  }

  /** @param {EventSource} stream @param {MessageEvent<string>} event */
  received(stream, event) {
    if (stream !== this.stream) return;
    /** @type {{ items: Item[], back: boolean }} */ const { items, back } = JSON.parse(event.data);
    const stands = items.every(({ k }) => k === "job" || k === "over"); // these carry no number
    const number = Number(event.lastEventId);
    if (!stands && number <= this.last) return;
    if (!stands) this.last = number;
    if (items.some(({ k }) => k === "over")) {
      this.ended = true;
      this.close();
    }
    this.listener.items(items, !back);
  }

  /** @param {EventSource} stream */
  failed(stream) {
    if (stream !== this.stream) return;
    this.listener.trouble(true);
    this.failures += 1;
    if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    this.close();
    if (this.asked.token !== this.tried) {
      this.open(); // a newer token has come meanwhile
      return;
    }
    // EventSource doesn't say why it failed, so a refused token and a server that is down are treated alike.
    if (this.failures >= RENEW_FROM && performance.now() - this.renewed > RENEW_EVERY) {
      this.renewed = performance.now();
      this.listener.renew();
    }
    this.waiting = window.setTimeout(() => this.open(), Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures));
  }

  close() {
    clearTimeout(this.waiting);
    this.stream?.close();
    this.stream = null;
  }
}
