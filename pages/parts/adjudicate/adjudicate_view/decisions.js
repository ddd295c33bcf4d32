// An adjudicator's decisions on a place, as rows of the gold log.

import { newRow, withdrawal } from "../../../components/labelling/labelling_view/label_log.js";

/** @import { LabelFields, LabelRow } from "../../../components/labelling/labelling_view/label_log.js" */
/** @import { Place } from "./places.js" */

/** The gold that is wanted on a place. @typedef {Omit<LabelFields, "text_sha256" | "root" | "how">} GoldFields */

/**
 * The rows after which the gold of a place is exactly `wanted`: what stood there is corrected, and withdrawn where there is
 * too much of it.
 * @param {Place} place
 * @param {GoldFields[]} wanted
 * @param {"adopted" | "own"} how
 * @param {string} sha256 of the item's text
 * @returns {LabelRow[]}
 */
export function decisionRows(place, wanted, how, sha256) {
  const rows = wanted.map((fields, k) => newRow({ ...fields, text_sha256: sha256, how, root: place.gold[k]?.root }));
  return [...rows, ...place.gold.slice(wanted.length).map((row) => withdrawal(row))];
}

/** What adopting a lane wants; none where the lane has no label on the place.
 * @param {Place} place @param {number} lane @returns {GoldFields[]} */
export function adoptedLabels(place, lane) {
  return place.labels.filter((label) => label.lane === lane)
    .map(({ start, end, quote, label, flag }) => ({ start, end, quote, label, flag }));
}

/** What saying that no label belongs on a place wants: a rejection of all its characters, which is a decision too.
 * @param {Place} place @param {string} quote the characters of the place @returns {GoldFields[]} */
export function rejection(place, quote) {
  const [span] = [...place.labels, ...place.gold];
  return [{ op: "reject", start: place.start, end: place.end, quote, label: span.label }];
}

/** What giving a place another label wants: on the spans its gold has, else on the first annotator's.
 * @param {Place} place @param {string} key of the label @returns {GoldFields[]} */
export function relabelled(place, key) {
  // A rejection covers the whole place, which is often more than anybody's label.
  const put = place.gold.filter(({ op }) => op === "put");
  const spans = put.length ? put : place.labels.length ? place.labels.slice(0, 1) : place.gold;
  return spans.map(({ start, end, quote, flag }) => ({ start, end, quote, flag, label: key }));
}

/** The rows that give a decision its reason, or take it away where it is there already.
 * @param {Place} place @param {string} reason @returns {LabelRow[]} */
export function reasonRows(place, reason) {
  const isOn = hasReason(place, reason);
  return place.gold.map((row) => newRow({ ...row, reason: isOn ? "" : reason }));
}

/** @param {Place} place @param {string} reason */
export function hasReason(place, reason) {
  return place.gold.some((row) => row.reason === reason);
}
