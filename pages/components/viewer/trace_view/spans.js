/**
 * Sorted spans made disjoint: a cue that starts inside another span keeps the part that sticks out, anything else goes.
 * @template {{ kind: string, start: number, end: number }} S
 * @param {S[]} spans  by start, the longest first
 * @returns {S[]}
 */
export function disjoint(spans) {
  const kept = [];
  let reach = 0;
  for (const span of spans) {
    if (span.end <= reach) continue;
    if (span.start >= reach) kept.push(span);
    else if (span.kind === "cue") kept.push({ ...span, start: reach });
    else continue;
    reach = span.end;
  }
  return kept;
}
