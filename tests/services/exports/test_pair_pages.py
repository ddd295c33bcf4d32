"""The page of a pair: its figures are Compare's, its texts are shown as text, and it fetches and runs nothing."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from backend.domain import GRADERS, UserError
from backend.report.html import html
from backend.services import Services
from tests.services.exports.pair_cases import pair_of_runs


@pytest.fixture
def pair(services: Services, tmp_path: Path) -> list[str]:
    return pair_of_runs(services, tmp_path)


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
