"""The page of a pair: its figures are Compare's, its texts are shown as text, and it fetches and runs nothing."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from backend.domain import GRADERS, UserError
from backend.report.html import html
from backend.services import Services
from tests.services.made_files import row, take_one, write

HOSTILE = 'Wait, maybe </pre><script>document.title="run"</script><img src=x onerror=alert(1)> \\boxed{2}'


@pytest.fixture
def pair(services: Services, tmp_path: Path) -> list[str]:
    """Two runs of the same problems: one doubts and is right, the other is sure and wrong."""
    questions = [f"What is {n} + 1?" for n in range(1, 6)]
    base = [row(q, HOSTILE.replace("2}", f"{n + 1}}}"), gold=str(n + 1)) for n, q in enumerate(questions, 1)]
    sure = [row(q, "It is \\boxed{0}", gold=str(n + 1)) for n, q in enumerate(questions, 1)]
    return [
        take_one(services, write(tmp_path / f"{name}.jsonl", rows)) for name, rows in (("base", base), ("sure", sure))
    ]


def test_the_page_holds_figures_verdicts_and_marked_texts(services: Services, pair: list[str]) -> None:
    report = services.pair_pages.report(pair)
    page = html(report)
    found = services.comparison.statistics(services.comparison.compare(pair, "doubts", GRADERS[0]))
    assert found.accuracy.a and found.accuracy.b
    assert "100.0%" in page and "0.0%" in page
    assert [trace.verdict.split(",")[0] for trace in report.traces] == ["right", "wrong"]
    assert re.findall(r'<mark class="c(.)"[^>]*>(.*?)</mark>', page) == [("C", "Wait"), ("M", "maybe")]
    shown = page.partition("<pre>")[2].partition("</pre>")[0]
    assert unescape(re.sub(r"<[^>]+>", "", shown)) == report.traces[0].text
    assert not re.search("<script|<img|<[^>]* on[a-z]+=", page) and "default-src 'none'" in page


def test_a_problem_or_the_shown_responses_can_be_named(services: Services, pair: list[str]) -> None:
    problem = services.comparison.compare(pair, "doubts", GRADERS[0]).problems[3]
    report = services.pair_pages.report(pair, problem=problem.id)
    assert {trace.question for trace in report.traces} == {problem.question}
    traces = [services.comparison.samples(run, problem.id)[0].trace for run in pair]
    assert services.pair_pages.report(pair, traces=traces).traces == report.traces
    for wrong in ({"problem": "none"}, {"traces": ["gone-00000"]}, {"lexicon": "none"}):
        with pytest.raises(UserError):
            services.pair_pages.report(pair, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="takes two runs"):
        services.pair_pages.report(pair[:1])
