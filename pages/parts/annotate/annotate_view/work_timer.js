// The time somebody works on an item: whole seconds in which the page is seen and the keyboard or mouse was used lately.

// Who reads a hard passage moves the mouse or scrolls within a minute; who is away doesn't.
const IDLE_MS = 60_000;
// Seconds between two reports, which are a request each.
const REPORT_EVERY = 20;

export class WorkTimer {
  /** @param {() => number} now a clock in milliseconds */
  constructor(now = () => performance.now()) {
    this.now = now;
    this.seconds = 0;
    this.unreported = 0;
    this.touched = now();
  }

  /** @param {number} seconds what was worked on the item before */
  begin(seconds) {
    this.seconds = seconds;
  }

  /** Notes that a person is at work. */
  touch() {
    this.touched = this.now();
  }

  /** Counts a second unless nobody is at work. @returns {boolean} whether it was counted */
  tick() {
    if (this.now() - this.touched > IDLE_MS) return false;
    this.seconds += 1;
    this.unreported += 1;
    return true;
  }

  /** Whether enough seconds have come together for a word to the server. */
  get due() {
    return this.unreported >= REPORT_EVERY;
  }

  /** @returns {number} the seconds since the last report, which count as reported now */
  report() {
    const seconds = this.unreported;
    this.unreported = 0;
    return seconds;
  }

  /** @returns {string} minutes and seconds */
  get clock() {
    const seconds = Math.floor(this.seconds);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}
