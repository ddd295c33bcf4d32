// What is known of a token of a growing trace, in words.

/** @typedef {Pick<import("./job_state.js").Trace, "logprobs" | "entropies" | "forced">} Figures */

/** A token's probability and entropy as far as they are known, and whether it was put there; "" where nothing is.
 * @param {Figures} trace @param {number} token */
export function oddsOf({ logprobs, entropies, forced }, token) {
  const [logprob, entropy] = [logprobs[token], entropies[token]];
  const known = [];
  if (token < forced) known.push("put there");
  if (logprob !== null) known.push(`probability ${percent(logprob)}`);
  if (entropy !== null) known.push(`entropy ${entropy.toFixed(2)} nats`);
  return known.join(" · ");
}

/** @param {number} logprob */
function percent(logprob) {
  const share = 100 * Math.exp(logprob);
  return share >= 99.5 ? ">99%" : share < 1 ? "<1%" : `${Math.round(share)}%`;
}

/** The text that takes a token's place: `word` after the blank the token began with; "" for no word.
 * @param {string} token @param {string} word */
export function insertedText(token, word) {
  const blank = /^\s*/.exec(token)?.[0] ?? "";
  return word.trim() ? blank + word.trim() : "";
}
