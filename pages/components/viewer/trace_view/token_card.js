// The small card at a token: how likely it was, and what else the model might have said. Texts are text nodes.

class TokenCard {
  // `onGo` and `onClose` make it a card with buttons; without them it only shows.
  constructor({ onGo = null, onClose = null } = {}) {
    this.body = el("div", { class: "token-said" });
    this.go = onGo ? button("Go on from here", "Write the rest anew from this token (Enter)", "go-on-token", onGo) : null;
    const close = onClose ? button("×", "Close (Esc)", "token-close", onClose, { class: "icon" }) : null;
    const attributes = onGo
      ? { class: "token-card chosen", role: "group", "aria-label": "The chosen token" }
      : { class: "token-card", "aria-hidden": "true" };
    this.el = el("div", { ...attributes, hidden: true }, close, this.body, this.go);
  }

  show(tokens, token, text, frame, box) {
    this.body.replaceChildren(...cardLines(tokens, token, text));
    this.el.hidden = false;
    const left = Math.min(box.left - frame.left, frame.width - this.el.offsetWidth - 26);
    const below = box.bottom - frame.top + 6;
    const above = box.top - frame.top - this.el.offsetHeight - 6;
    const top = below + this.el.offsetHeight > frame.height && above > 0 ? above : below;
    this.el.style.left = `${Math.max(6, left)}px`;
    this.el.style.top = `${Math.max(6, top)}px`;
  }

  hide() {
    this.el.hidden = true;
  }
}

function cardLines(tokens, token, text) {
  const word = appendText(el("b", { class: "token-text", dir: "auto" }), shownToken(text));
  const said = tokenFigures(tokens, token).map((line) => appendText(el("p"), line));
  const list = tokens.alternatives(token).map((alternative) => {
    const same = alternative.text === text;
    return el("li", { class: same ? "said" : null },
      appendText(el("span", { class: "token-text", dir: "auto" }), shownToken(alternative.text)),
      el("span", {}, shareOf(alternative.logprob)));
  });
  return [word, ...said, list.length ? el("ol", { "aria-label": "What it might have said" }, ...list) : null].filter(Boolean);
}

function tokenFigures(tokens, token) {
  const [logprob, entropy] = [tokens.logprobs[token], tokens.entropies[token]];
  const lines = tokens.forced[token] ? ["put there, not said by the model"] : [];
  if (tokens.others) {
    const other = tokens.others[token];
    const known = (value) => (Number.isNaN(value) ? "unknown" : shareOf(value));
    lines.push(`${known(logprob)} ${tokens.given.names[0]}`, `${known(other)} ${tokens.given.names[1]}`);
    const difference = logprob - other;
    if (!Number.isNaN(difference)) lines.push(`difference ${difference < 0 ? "−" : "+"}${Math.abs(difference).toFixed(2)} nats`);
  } else if (!Number.isNaN(logprob)) {
    lines.push(`probability ${shareOf(logprob)} · surprise ${Math.abs(logprob).toFixed(2)} nats`);
  }
  if (!Number.isNaN(entropy)) lines.push(`entropy ${entropy.toFixed(2)} nats`);
  return lines;
}

// What the shades mean, with their numbers, and the means.
function tokenLegend(given) {
  const steps = given.steps.map(({ shade, label }) =>
    el("span", { class: "step" }, el("i", { class: shade ? `swatch token-${shade}` : "swatch" }), label));
  return el("div", { class: "legend", role: "group", "aria-label": "Colours of tokens" },
    named("span", given.title, { class: "legend-title" }), ...steps,
    given.said ? el("span", { class: "legend-means" }, given.said) : null);
}
