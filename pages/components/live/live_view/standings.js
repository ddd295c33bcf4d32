// How the traces of an arm stand, and the figures over them. Draws nothing.

/** @typedef {"waiting" | "writing" | "failed" | "open" | "right" | "wrong"} Standing */

/** @param {Pick<import("./job_state.js").Trace, "state" | "done"> | null} trace @returns {Standing} */
export function standing(trace) {
  if (!trace) return "waiting";
  if (trace.state !== "done") return trace.state;
  const correct = trace.done?.correct ?? null;
  return correct === null ? "open" : correct ? "right" : "wrong";
}

/**
 * The places of problems and samples that every arm has finished. A score over what each arm happens to have finished
 * compares other problems with other problems, and short answers finish first.
 * @param {(Pick<import("./job_state.js").Trace, "state"> | null)[][]} arms  each arm's traces, by place
 */
export function finishedByAll(arms) {
  const ended = (/** @type {Pick<import("./job_state.js").Trace, "state"> | null} */ trace) =>
    trace?.state === "done" || trace?.state === "failed";
  return [...(arms[0] ?? []).keys()].filter((place) => arms.every((traces) => ended(traces[place])));
}

/** Wilson's 95% interval of a share, in percent (E. B. Wilson 1927, J. Am. Stat. Assoc. 22: 209).
 * @param {number} right @param {number} known  at least 1 */
export function wilson(right, known) {
  const z = 1.96;
  const share = right / known;
  const middle = share + (z * z) / (2 * known);
  const half = z * Math.sqrt((share * (1 - share)) / known + (z * z) / (4 * known * known));
  return [middle - half, middle + half].map((end) => Math.round((100 * end) / (1 + (z * z) / known)));
}

/** The mean of the values that are known; null where none is. @param {(number | null | undefined)[]} values */
export function mean(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}
