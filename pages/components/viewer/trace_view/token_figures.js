// A token's figures in words. Draws nothing.

/** @typedef {import("./tokens.js").Tokens} Tokens */

/** @param {number} logprob */
export function percentOf(logprob) {
  const share = 100 * Math.exp(logprob);
  if (share >= 99.95) return ">99.9%";
  return share < 0.01 ? "<0.01%" : `${share.toFixed(share < 1 ? 2 : 1)}%`;
}

/** A token's text with its blanks made visible; other invisible characters get their badges when it is drawn.
 * @param {string} text */
export function visibleBlanks(text) {
  return text.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥");
}

/** @param {Pick<Tokens, "given" | "logprobs" | "entropies" | "others" | "forced">} tokens @param {number} token */
export function tokenFigures(tokens, token) {
  const [logprob, entropy] = [tokens.logprobs[token], tokens.entropies[token]];
  const lines = tokens.forced[token] ? ["put there, not said by the model"] : [];
  if (tokens.others) {
    const other = tokens.others[token];
    /** @param {number} value */
    const known = (value) => (Number.isNaN(value) ? "unknown" : percentOf(value));
    lines.push(`${known(logprob)} ${tokens.given.names[0]}`, `${known(other)} ${tokens.given.names[1]}`);
    const difference = logprob - other;
    if (!Number.isNaN(difference)) lines.push(`difference ${difference < 0 ? "−" : "+"}${Math.abs(difference).toFixed(2)} nats`);
  } else if (!Number.isNaN(logprob)) {
    lines.push(`probability ${percentOf(logprob)} · surprise ${Math.abs(logprob).toFixed(2)} nats`);
  }
  if (!Number.isNaN(entropy)) lines.push(`entropy ${entropy.toFixed(2)} nats`);
  return lines;
}
