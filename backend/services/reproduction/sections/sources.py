"""The sources of a report: the table of the runs it is made of, and the traces of theirs that it shows."""

from collections.abc import Mapping, Sequence

from backend.domain import GRADERS, Run, UserError, visible
from backend.lexicon.entries import Lexicon
from backend.report.model import Cell, ReportColumn, ReportRow, ShownTrace, Table
from backend.services.reproduction.sections.arms import Arms, set_title
from backend.services.reproduction.sections.section_parts import count
from backend.services.traces.comparison import ComparedProblem, ComparisonService
from backend.services.traces.run_pairs import Pair
from backend.services.traces.trace_reader import OpenTrace, TraceService

_EACH = 2  # problems shown of a pair: they make the point, they prove nothing


def runs_table(named: Sequence[str], known: Mapping[str, Run], arms: Arms | None) -> Table:
    """A row for each run that figures are of.

    Runs in the store come with all that is known of them, the others (only their numbers are shipped) with the place
    they have in the experiment.
    """
    places = _places(arms) if arms else {}
    columns = (
        ReportColumn("id", "Run"),
        ReportColumn("model", "Model"),
        ReportColumn("set", "Problems"),
        ReportColumn("context", "Context"),
        ReportColumn("step", "Step"),
        ReportColumn("seed", "Seed"),
        ReportColumn("problems", "n"),
        ReportColumn("traces", "Responses"),
        ReportColumn("sampling", "Sampling"),
    )
    rows = []
    for run in named:
        cells: dict[str, Cell] = {"id": run, **places.get(run, {})}
        cells |= _stored(known[run]) if run in known else {}
        rows.append(ReportRow(cells, (run,)))
    note = (
        "Runs without a model aren’t in this store: only their numbers are shipped."
        if any(r not in known for r in named)
        else ""
    )
    return Table("sources", "Runs", columns, tuple(rows), note)


def _stored(run: Run) -> dict[str, Cell]:
    sampling = run.info.sampling
    words = [f"temperature {sampling.temperature:g}" if sampling.temperature is not None else "temperature unknown"]
    words += [f"up to {sampling.max_tokens:,} tokens"] if sampling.max_tokens else []
    return {
        "model": run.info.model,
        "set": run.info.dataset,
        "context": run.info.context.value,
        "problems": count(run.problems),
        "traces": count(run.traces),
        "sampling": ", ".join(words),
    }


def _places(arms: Arms) -> dict[str, dict[str, Cell]]:
    """Run -> the cells that tell what it is an evaluation of."""
    found: dict[str, dict[str, Cell]] = {}
    for arm in arms.by_key.values():
        for part in arm.parts:
            for row in part.evaluations:
                place: dict[str, Cell] = {
                    "set": set_title(row.name),
                    "context": row.context.value,
                    "step": str(row.step),
                }
                # Before the first step all seeds are the base, whose answers are made once and shared.
                seed = "any" if row.step == 0 else str(part.seed)
                found.setdefault(row.run, place | {"seed": seed})
    return found


def telling_traces(
    comparison: ComparisonService,
    reader: TraceService,
    lexicon: Lexicon,
    runs: Sequence[Run],
    pairs: Sequence[Sequence[str]],
) -> list[ShownTrace]:
    """For each pair of runs that is in the store, the problems that show the point best, both sides."""
    known = {run.id: run for run in runs}
    shown: list[ShownTrace] = []
    for base, variant in (pair for pair in pairs if all(run in known for run in pair)):
        pair = Pair(known[base], known[variant], 0, "of the report")
        seen: set[str] = set()
        for turn in range(_EACH):
            try:
                found = comparison.telling([pair], lexicon.name, GRADERS[0], turn)
            except UserError:
                break
            # The ranking begins again where it has ended: the same problem twice shows nothing new.
            if found is None or found.problem.id in seen:
                break
            seen.add(found.problem.id)
            shown += _both(comparison, reader, lexicon, found.problem, (base, variant))
    return shown


def _both(
    comparison: ComparisonService, reader: TraceService, lexicon: Lexicon, problem: ComparedProblem, runs: Sequence[str]
) -> list[ShownTrace]:
    """One response of either side: the first whose verdict is the one that most of the side's samples have."""
    found = []
    for run, side in zip(runs, problem.sides, strict=False):
        traces = [reader.open(sample.trace, lexicon.id) for sample in comparison.samples(run, problem.id)]
        chosen = next((trace for trace in traces if trace.verdict(GRADERS[0]).correct is side.right), traces[0])
        found.append(shown_trace(chosen, GRADERS[0]))
    return found


def shown_trace(trace: OpenTrace, grader: str, tag: str = "") -> ShownTrace:
    """A trace as a report shows it: under its run's name after a `tag`, with what `grader` says and its figures."""
    verdict, cues = trace.verdict(grader), trace.response_cues
    judged = {True: "right", False: "wrong", None: "no verdict"}[verdict.correct]
    judged += f", answer {visible(verdict.answer, 80)}" if verdict.answer else ""
    number = f"{len(cues)} cue{'' if len(cues) == 1 else 's'}"
    facts = f"{judged}; {number}, {trace.length:,} {trace.run.length_unit}"
    return ShownTrace(tag + trace.run.label, trace.question, facts, trace.text, cues)
