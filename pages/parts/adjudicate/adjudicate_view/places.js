// The places of an item that an adjudicator decides: runs of characters where labels of any lane, or gold, overlap.
// Offsets are code points.

/** @import { LabelRow } from "../../../components/labelling/labelling_view/label_log.js" */

/** What one annotator said of the item; `done` once that person has finished it. @typedef {{name: string, done: boolean, labels: LabelRow[]}} Lane */
/** An annotator's label and the number of the lane it stands in. @typedef {LabelRow & {lane: number}} LaneLabel */
/**
 * @typedef {{
 *   index: number, start: number, end: number, labels: LaneLabel[], gold: LabelRow[], agreed: boolean,
 * }} Place `agreed` where every lane has the same label on the same characters
 */

const LANE_LETTERS = "ABCDEFGHIJKLMNOPQRST";

/** @param {Lane[]} lanes @param {LabelRow[]} gold what stands as gold
 * @returns {Place[]} in order; a place is decided once it has gold, a rejection included */
export function placesOf(lanes, gold) {
  /** @type {{start: number, end: number, label?: LaneLabel, gold?: LabelRow}[]} */ const spans = [
    ...lanes.flatMap(({ labels }, lane) => labels.map((row) => ({ start: row.start, end: row.end, label: { ...row, lane } }))),
    ...gold.map((row) => ({ start: row.start, end: row.end, gold: row })),
  ];
  spans.sort((a, b) => a.start - b.start || a.end - b.end);
  /** @type {Place[]} */ const places = [];
  for (const span of spans) {
    let place = places.at(-1);
    // Labels that only touch are two places: they can be decided apart.
    if (!place || span.start >= place.end) {
      place = { index: places.length, start: span.start, end: span.end, labels: [], gold: [], agreed: false };
      places.push(place);
    }
    place.end = Math.max(place.end, span.end);
    if (span.label) place.labels.push(span.label);
    if (span.gold) place.gold.push(span.gold);
  }
  for (const place of places) place.agreed = isAgreed(place.labels, lanes.length);
  return places;
}

/** @param {LaneLabel[]} labels of one place @param {number} lanes how many there are */
function isAgreed(labels, lanes) {
  const different = new Set(labels.map(({ start, end, label }) => `${start}-${end}-${label}`));
  return different.size === 1 && labels.length === lanes;
}

/** The name a lane has on the screen: a letter, until the adjudicator asks who is who.
 * @param {Lane[]} lanes @param {number} lane @param {boolean} isNamed */
export function laneName(lanes, lane, isNamed) {
  // Knowing who said it sways a decision.
  return isNamed ? lanes[lane].name : LANE_LETTERS[lane];
}

/** The first place after another that isn't decided; past the last, the first of all.
 * @param {Place[]} places @param {number} after */
export function nextOpenPlace(places, after) {
  const open = places.filter(({ gold }) => !gold.length);
  return open.find(({ index }) => index > after) ?? open[0];
}
