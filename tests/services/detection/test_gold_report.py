"""Agreement and gold of made projects, counted by hand."""

from __future__ import annotations

import pytest

from backend.annotation import DEFAULT_SCHEME, NOT_A_CUE, AnnotatedSpan, AnnotatedText
from backend.domain import UserError
from backend.job import JobKind
from backend.services import Services
from backend.services.jobs import JobProgress
from backend.worker.tasks import TASKS

TEXT = "Wait, maybe it is 7. Hmm, then again it may be so."


def span(words: str, label: str, who: str) -> AnnotatedSpan:
    start = TEXT.index(words)
    return AnnotatedSpan(start, start + len(words), label, who)


def made(services: Services, *texts: AnnotatedText, gold: bool = False) -> str:
    cleo = services.people.local("Cleo")
    return services.projects.import_texts(cleo.id, "Made", DEFAULT_SCHEME, list(texts), gold).id


def test_agreement_is_told_by_scope_label_and_pair(services: Services) -> None:
    one = AnnotatedText(
        "one", TEXT,
        (span("Wait", "hesitation", "Ana"), span("maybe", "hedge", "Ana"),
         span("Wait,", "hesitation", "Ben"), span("maybe", "alternative", "Ben"), span("Hmm", NOT_A_CUE, "Ben")),
        done=("Ana", "Ben"),
    )  # fmt: skip
    two = AnnotatedText("two", TEXT + " ", (span("Hmm", "hesitation", "Ana"),), done=("Ana",))
    report = services.agreement.report(project := made(services, one, two))
    assert (report.items, report.of) == (1, 2), "what one person finished says nothing of agreement"
    whole = report.rows[0]
    assert (whole.exact.value, whole.overlap.value, whole.position.value) == (0.5, 0.5, 1.0), (
        "a comma is no disagreement"
    )
    assert whole.spans == 4 and whole.exact.low is None and whole.exact.n == 1
    by_label = {row.label: row.overlap.value for row in report.rows if row.label}
    assert by_label["hesitation"] == 1 and by_label["hedge"] == by_label["alternative"] == 0
    queue = services.agreement.worst_first(project)
    assert [row.f1 for row in queue] == [0.5, None] and queue[0].labels == 5


def test_gold_says_what_a_list_is_worth(services: Services) -> None:
    spans = (span("Wait", "hesitation", ""), span("maybe", "hedge", ""), span("then again", "alternative", ""))
    project = made(services, AnnotatedText("one", TEXT, spans), gold=True)
    report = services.gold.evaluation(project)
    assert (report.items, report.blind, report.spans) == (1, 1, 3)
    whole = next(score for score in report.scores if score.name == "kim2026-words").overlap.whole
    assert whole.precision and whole.recall, "it finds Wait, maybe and Hmm; people marked Wait, maybe and then again"
    assert (whole.precision.value, whole.recall.value) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    nothing = services.gold.evaluation(made(services, AnnotatedText("two", TEXT, (span("Wait", "hesitation", "Ana"),))))
    assert nothing.items == 0 and "There is no gold yet" in nothing.why


def test_gamma_without_its_library_says_what_is_missing(services: Services) -> None:
    try:
        import pygamma_agreement  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("pygamma-agreement is installed here")
    cleo = services.people.local("Cleo")
    both = tuple(span("maybe", "hedge", who) for who in ("Ana", "Ben"))
    project = made(services, AnnotatedText("one", TEXT, both, done=("Ana", "Ben")))
    job = services.gamma.submit(cleo.id, project)
    assert services.gamma.latest(project) == job
    with pytest.raises(UserError, match="pygamma-agreement"):
        TASKS[JobKind.AGREE].carry_out(services, job, lambda *_: None, JobProgress(services.store.jobs, job))
    with pytest.raises(UserError, match="two people finished"):
        services.gamma.submit(cleo.id, made(services, AnnotatedText("none", TEXT)))
