// The whole trace at a glance: the map of cue positions at a pane's edge and the small density chart in its header.

const MAP_ROWS = 320;
const SPARK_BARS = 48;

// One tick a row and group, groups of one row side by side, so that any number of cues makes a bounded map.
function mapTicks(doc) {
  const rows = new Map();
  for (const cue of doc.cues) {
    const row = Math.floor((cue.start / Math.max(1, doc.text.length)) * MAP_ROWS);
    if (!rows.has(row)) rows.set(row, new Set());
    rows.get(row).add(cue.letter);
  }
  const ticks = [];
  for (const [row, letters] of rows) {
    [...letters].forEach((letter, place) => {
      const tick = el("i", { class: `c${letter}` });
      tick.style.top = `${(row / MAP_ROWS) * 100}%`;
      tick.style.left = `${(place / letters.size) * 100}%`;
      tick.style.width = `${100 / letters.size}%`;
      ticks.push(tick);
    });
  }
  return ticks;
}

// Clicking or dragging goes to that share of the text. Hidden from assistive technology: n, p and the list serve it.
function buildMap(goTo) {
  const view = el("b", { class: "view" });
  const map = el("div", { class: "map", "aria-hidden": "true", title: "Where the cues are; click to go there" }, view);
  const follow = (event) => {
    const box = map.getBoundingClientRect();
    goTo(Math.min(1, Math.max(0, (event.clientY - box.top) / Math.max(1, box.height))));
  };
  map.onpointerdown = (event) => {
    map.setPointerCapture(event.pointerId);
    follow(event);
  };
  map.onpointermove = (event) => {
    if (map.hasPointerCapture(event.pointerId)) follow(event);
  };
  return { el: map, view };
}

function sparkline(doc, hidden) {
  const bins = new Array(SPARK_BARS).fill(0);
  let shown = 0;
  for (const cue of doc.cues) {
    if (hidden.has(cue.letter)) continue;
    bins[Math.min(SPARK_BARS - 1, Math.floor((cue.start / Math.max(1, doc.text.length)) * SPARK_BARS))] += 1;
    shown += 1;
  }
  const most = Math.max(1, ...bins);
  const peak = Math.round(((bins.indexOf(most) + 0.5) / SPARK_BARS) * 100);
  const label = shown ? `${count(shown, "cue")} along the trace, densest at ${peak}% of its length` : "no cues";
  const bars = bins.map((number) => {
    const bar = el("b");
    bar.style.height = `${Math.max(6, (number / most) * 100)}%`;
    return bar;
  });
  return el("div", { class: "spark", role: "img", "aria-label": label, title: label }, ...bars);
}
