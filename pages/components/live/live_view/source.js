// The connection: one EventSource a page. Goes on where it broke off, and asks for a new token where the old one is
// refused. EventSource doesn't say why it failed, so a refusal and a server that is down are treated alike.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 8_000;
const RENEW_FROM = 2; // failures in a row before a new token is asked for
const RENEW_EVERY = 15_000;

class Source {
  constructor({ items, trouble, renew }) {
    Object.assign(this, { items, trouble, renew });
    this.key = "";
    this.last = 0;
    this.failures = 0;
    this.renewed = 0;
  }

  // Streams start anew where what is asked for changed; a new token alone serves only a connection that is lost.
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
    address.search = new URLSearchParams({ job, lexicon, token, problem, sample, after: this.last });
    this.tried = token;
    const stream = new EventSource(address);
    this.stream = stream;
    stream.onmessage = (event) => this.heard(stream, event);
    stream.onopen = () => {
      this.failures = 0;
      this.trouble(false);
    };
    stream.onerror = () => this.failed(stream);
  }

  heard(stream, event) {
    if (stream !== this.stream) return;
    const { items, back } = JSON.parse(event.data);
    const stands = items.every(({ k }) => k === "job" || k === "over"); // these carry no number
    const number = Number(event.lastEventId);
    if (!stands && number <= this.last) return;
    if (!stands) this.last = number;
    if (items.some(({ k }) => k === "over")) {
      this.ended = true;
      this.close();
    }
    this.items(items, !back);
  }

  failed(stream) {
    if (stream !== this.stream) return undefined;
    this.trouble(true);
    this.failures += 1;
    if (stream.readyState !== EventSource.CLOSED) return undefined; // the browser tries again by itself
    this.close();
    if (this.asked.token !== this.tried) return this.open(); // a newer one has come meanwhile
    if (this.failures >= RENEW_FROM && performance.now() - this.renewed > RENEW_EVERY) {
      this.renewed = performance.now();
      this.renew();
    }
    this.waiting = setTimeout(() => this.open(), Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures));
    return undefined;
  }

  close() {
    clearTimeout(this.waiting);
    this.stream?.close();
    this.stream = null;
  }
}
