import { disjoint } from "../../viewer/trace_view/spans.js";

/**
 * @typedef {{ kind: "cue", index: number, start: number, end: number, entry: string, group: number, letter: string, fresh: boolean }} CueSpan
 * @typedef {{ kind: "tag", start: number, end: number }} TagSpan
 */

/** The cues and think tags of a growing text that end after `from`, disjoint and in order, in UTF-16 units.
 * @param {Pick<import("./job_state.js").Trace, "marks" | "tags" | "offsets" | "freshFrom">} trace
 * @param {import("../../viewer/trace_view/marked_text.js").Group[]} groups @param {number} from */
export function liveSpans({ marks, tags, offsets, freshFrom }, groups, from) {
  /** @type {(CueSpan | TagSpan)[]} */ const spans = [];
  marks.forEach(([start, end, entry, group], index) => {
    if (offsets.toUnits(end) <= from) return;
    spans.push({ kind: "cue", index, start: offsets.toUnits(start), end: offsets.toUnits(end), entry, group,
      letter: groups[group].letter, fresh: index >= freshFrom });
  });
  for (const [start, end] of tags) if (end > from) spans.push({ kind: "tag", start, end });
  spans.sort((a, b) => a.start - b.start || b.end - a.end);
  return disjoint(spans).map((span) => (span.start < from ? { ...span, start: from } : span));
}
