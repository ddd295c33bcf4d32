// The strip above the panes when a job holds several problems or samples: a line an arm with what is right so far, and
// a dot a trace. Dots of one problem stand below each other; choosing one shows that problem in the panes.

const SIGNS = { right: "right", wrong: "wrong", open: "not judged", failed: "failed", writing: "being written", waiting: "waiting" };

function standing(trace) {
  if (!trace || trace.state === "waiting") return "waiting";
  if (trace.state !== "done") return trace.state;
  return trace.done.correct === null ? "open" : trace.done.correct ? "right" : "wrong";
}

// Wilson's 95% interval of a share, in percent.
function wilson(right, known) {
  const z = 1.96;
  const share = right / known;
  const middle = share + (z * z) / (2 * known);
  const half = z * Math.sqrt((share * (1 - share)) / known + (z * z) / (4 * known * known));
  return [middle - half, middle + half].map((end) => Math.round((100 * end) / (1 + (z * z) / known)));
}

function mean(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

class Scoreboard {
  constructor(view) {
    this.view = view;
    this.el = el("div", { class: "scores", role: "group", "aria-label": "Results so far", hidden: true });
    this.el.addEventListener("keydown", (event) => this.key(event));
    this.el.addEventListener("click", (event) => this.clicked(event));
    this.rows = [];
  }

  build(plan) {
    this.plan = plan;
    const { problems, samples, arms } = plan;
    this.el.hidden = problems.length * samples < 2;
    this.rows = [];
    this.el.replaceChildren();
    if (this.el.hidden) return;
    this.heading = el("span", { class: "top" });
    this.el.append(el("span", { class: "top" }), this.heading, el("span", { class: "top" }),
      el("span", { class: "top num" }, "doubts"), el("span", { class: "top num" }, "tokens"),
      el("span", { class: "top" }, samples > 1 ? `${count(problems.length, "problem")}, ${samples} samples each` : "problems"));
    arms.forEach((arm, place) => this.addRow(arm, place));
  }

  addRow({ title, notes }, arm) {
    const { problems, samples } = this.plan;
    const row = {
      share: el("span", { class: "share" }), bar: el("span", { class: "bar", role: "img" }),
      doubts: el("span", { class: "num" }), tokens: el("span", { class: "num" }), seen: [],
      dots: el("span", { class: "dots", role: "group", "aria-label": `Traces of ${TAGS[arm]}` }),
    };
    row.bar.append(el("i", { class: "right" }), el("i", { class: "wrong" }), el("i", { class: "open" }));
    for (let place = 0; place < problems.length * samples; place++) {
      row.dots.append(el("button", { type: "button", class: `dot${place && place % samples === 0 && samples > 1 ? " next" : ""}`,
        "data-place": place, tabindex: "-1" }));
    }
    const name = el("span", { title: `${title} ${notes}` }, named("span", title), notes ? named("small", notes) : null);
    this.el.append(el("span", { class: "arm" }, el("span", { class: `tag ${TAGS[arm]}` }, TAGS[arm]), name),
      row.share, row.bar, row.doubts, row.tokens, row.dots);
    this.rows.push(row);
  }

  draw(live) {
    if (live.plan !== this.plan) this.build(live.plan);
    if (this.el.hidden) return;
    this.heading.textContent = live.over ? "right" : "right so far";
    this.rows.forEach((row, arm) => this.drawRow(row, live.ofArm(arm), arm));
    const [problem, sample] = live.plan.focus;
    const here = problem * live.plan.samples + sample;
    for (const dot of this.el.querySelectorAll(".dot")) {
      const chosen = Number(dot.dataset.place) === here;
      dot.toggleAttribute("aria-current", chosen);
      dot.tabIndex = chosen && dot.parentElement === this.rows[0].dots ? 0 : -1;
    }
  }

  drawRow(row, traces, arm) {
    const all = traces.map(standing);
    const number = (kind) => all.filter((each) => each === kind).length;
    const [right, wrong] = [number("right"), number("wrong")];
    const open = number("open") + number("failed");
    this.drawShare(row, right, right + wrong, open);
    [right, wrong, open].forEach((each, k) => (row.bar.children[k].style.width = `${(100 * each) / all.length}%`));
    row.bar.setAttribute("aria-label", `${right} right, ${wrong} wrong, ${open} not judged, of ${all.length}`);
    const done = traces.filter((trace) => trace?.done);
    const [doubts, tokens] = [mean(done.map((trace) => trace.cues())), mean(done.map((trace) => trace.done.tokens))];
    row.doubts.textContent = doubts === null ? "–" : doubts.toFixed(1);
    row.tokens.textContent = tokens === null ? "–" : Math.round(tokens).toLocaleString("en");
    all.forEach((kind, place) => {
      if (row.seen[place] === kind) return;
      row.seen[place] = kind;
      const dot = row.dots.children[place];
      const { samples } = this.plan;
      const which = `Problem ${Math.floor(place / samples) + 1}${samples > 1 ? `, sample ${(place % samples) + 1}` : ""}`;
      dot.className = `dot ${kind}${dot.classList.contains("next") ? " next" : ""}`;
      dot.title = `${which}, ${TAGS[arm]}: ${SIGNS[kind]}`;
      dot.setAttribute("aria-label", dot.title);
    });
  }

  drawShare(row, right, known, open) {
    const single = this.plan.samples === 1;
    const ends = known && single ? wilson(right, known) : null;
    row.share.replaceChildren(el("b", {}, known ? `${Math.round((100 * right) / known)}%` : "–"),
      el("small", {}, `${ends ? ` [${ends.join(", ")}]` : ""} n = ${known}${open ? ` + ${open} open` : ""}`));
    row.share.title = ends ? "Share of those judged so far, with Wilson’s 95% interval" : "Share of those judged so far";
  }

  clicked(event) {
    const dot = event.target.closest(".dot");
    if (dot) this.view.show(Number(dot.dataset.place));
  }

  // Arrows walk over the dots, up and down between arms.
  key(event) {
    const dot = event.target.closest(".dot");
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const across = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!dot || !(by || across)) return;
    event.preventDefault();
    const arm = this.rows.findIndex((row) => row.dots === dot.parentElement) + (across ?? 0);
    const next = this.rows[arm]?.dots.children[Number(dot.dataset.place) + (by ?? 0)];
    next?.focus();
  }
}
