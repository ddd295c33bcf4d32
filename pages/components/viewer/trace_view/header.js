// The head of a pane: who wrote the trace, how it was judged, its figures, its groups, its tools.

const VERDICTS = { true: ["ok", "✓", "right"], false: ["no", "✕", "wrong"], null: ["open", "○", "not judged"] };

function titleRow(pane, step) {
  const { tag, title, subtitle, verdict, sample, link } = pane;
  const name = named("h2", title, { title });
  const place = safeLink(link);
  const heading = place ? el("a", { href: place, target: "_self", class: "open-link" }, name) : name;
  return el("header", {},
    tag ? el("span", { class: `tag ${tag}` }, tag) : null,
    el("div", { class: "names" }, heading, subtitle ? named("small", subtitle, { title: subtitle }) : null),
    verdict ? verdictMark(verdict) : null,
    sample ? sampleArrows(sample, step) : null);
}

// Only an address of this app: anything else is no link.
function safeLink(link) {
  if (!link) return null;
  const address = new URL(link, window.location.href);
  return address.origin === window.location.origin && /^https?:$/.test(address.protocol) ? address.href : null;
}

function verdictMark({ right, answer, words }) {
  const [kind, sign, word] = VERDICTS[right];
  const mark = el("span", { class: `verdict ${kind}` }, `${sign} ${words ?? word}`);
  if (answer) mark.append(" · ", named("bdi", answer, { class: "answer", title: answer }));
  return mark;
}

function sampleArrows({ number, of }, step) {
  const back = button("‹", "Previous sample", "sample-back", () => step(-1), { class: "icon", disabled: number <= 1 });
  const on = button("›", "Next sample", "sample-on", () => step(1), { class: "icon", disabled: number >= of });
  return el("span", { class: "smp" }, back, `${number} of ${of}`, on);
}

function factRow({ facts, verdict }, spark) {
  const figures = facts.map(([value, label]) => el("span", {}, el("b", {}, value), ` ${label}`));
  const differ = verdict?.disagreement
    ? el("span", { class: "differ" }, "≠ ", named("bdi", verdict.disagreement))
    : null;
  return el("div", { class: "facts" }, ...figures, spark, differ);
}

function groupChips(doc, hidden, toggle, units) {
  const counts = new Map();
  for (const cue of doc.cues) counts.set(cue.group, (counts.get(cue.group) ?? 0) + 1);
  return doc.groups.flatMap(({ letter, label }, group) => {
    if (!counts.has(group)) return [];
    const on = !hidden.has(letter);
    const number = counts.get(group).toLocaleString("en");
    const density = units ? (1000 * counts.get(group) / units).toFixed(1) : "";
    return [el("button", { type: "button", class: `chip c${letter}`, "data-act": `group-${letter}`,
      title: `${on ? "Hide" : "Show"} ${label}${density && ` (${number}, ${density} per 1,000)`}`,
      "aria-label": `${label}, ${number}${density && `, ${density} per 1,000`}`, "aria-pressed": String(on),
      onclick: () => toggle(letter) },
    el("span", { class: "label" }, label), el("sup", {}, letter), " ", el("b", {}, number),
    density && el("small", {}, ` ${density}`))];
  });
}

function toolRow(actions) {
  const icon = { class: "icon" };
  return el("div", { class: "tools", role: "toolbar", "aria-label": "Trace tools" },
    button("↑", "Previous cue (p)", "cue-back", () => actions.cue(-1), icon),
    el("span", { class: "cue-place" }),
    button("↓", "Next cue (n)", "cue-on", () => actions.cue(1), icon),
    button("hits", "List the cues in context (h)", "hits", actions.hits, { "aria-expanded": "false" }),
    button("copy", "Copy the whole text", "copy", actions.copy),
    button(".txt", "Download the text", "download", actions.download));
}

function notices(doc, prompt, mathematics, active, clear) {
  const lines = [];
  if (doc.windowed || prompt.windowed) {
    lines.push(el("p", {}, "A long trace: only the part in view is drawn, so the browser’s own search sees that part alone. " +
      "The list of hits and the download hold all of it."));
  }
  const left = (mathematics?.left ?? 0) + (mathematics?.failed ?? 0);
  if (left) lines.push(el("p", {}, `${count(left, "formula", "formulas")} can’t be drawn and ${left === 1 ? "stays" : "stay"} as source.`));
  if (active) {
    lines.push(el("p", { class: "linked-range" }, `Linked: characters ${active.start}–${active.end} `,
      button("×", "Remove the mark", "range-clear", clear, { class: "icon" })));
  }
  return el("div", { class: "notices" }, ...lines);
}
