"""A job in words: its state, progress, speed and duration, and what it waits for.

Owns the wording that the card in the sidebar, the page Jobs and its dialog share. Messages of jobs may be hostile: who
shows these lines shows them as plain text.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from backend.domain import visible
from backend.job import Job, JobKind, JobState, Lane

_MEGABYTE = 1_000_000  # as file managers count it, not 1,048,576
KINDS: Mapping[JobKind, str] = {
    JobKind.GENERATE: "Generation",
    JobKind.EVALUATE: "Evaluation",
    JobKind.IMPORT: "Import",
    JobKind.SCORE: "Scoring",
    JobKind.DISTILL: "Training",
    JobKind.REPRODUCE: "Experiments",
    JobKind.AGREE: "Agreement",
    JobKind.DETECT: "Detector",
    JobKind.REFRESH: "Refresh",
    JobKind.WATCH: "Watch",
}
LANES: Mapping[Lane, str] = {
    Lane.LIVE: "live lane",
    Lane.BATCH: "batch lane",
    Lane.FILES: "lane for files",
    Lane.WATCH: "lane for watches",
}
_STATES: Mapping[JobState, str] = {
    JobState.QUEUED: "waits",
    JobState.RUNNING: "runs",
    JobState.CANCELLING: "stops",
    JobState.DONE: "✓ done",
    JobState.FAILED: "✗ failed",
    JobState.CANCELLED: "cancelled",
}


def short_time(seconds: float) -> str:
    """A length of time in its largest unit: "40 s", "3 min", "2 h", "5 days"."""
    # Two digits at most, and half a unit before a third one: 99.6 s would round to "100 s".
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 99.5 * 60:
        return f"{round(seconds / 60)} min"
    hours = round(seconds / 3600)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"


def left(job: Job) -> str:
    """The time left of a running job, "about 40 s left"; "" where it isn't known."""
    seconds = job.seconds_left
    if seconds is None or job.state is not JobState.RUNNING:
        return ""
    # In steps of five seconds: the line is drawn anew every second, and a number that jumps about can't be read.
    step = 1 if seconds < 10 else 5 if seconds < 100 else 1
    return f"about {short_time(max(1, round(seconds / step) * step))} left"


def ago(at: str | None, now: datetime | None = None) -> str:
    """A moment (ISO 8601) as seen from now: "just now", "3 minutes ago", "yesterday", then the date; "" for None."""
    if not at:
        return ""
    moment = datetime.fromisoformat(at)
    # A time without a zone is UTC, like every time of the ledger.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 45:
        return "just now"
    for size, name, most in ((60, "minute", 60), (3600, "hour", 24)):
        count = max(1, round(seconds / size))
        if count < most:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "yesterday" if seconds < 2 * 86_400 else moment.strftime("%d %b %Y").lstrip("0")


def took(job: Job) -> str:
    """How long a job worked; "" for one that never began or hasn't ended."""
    if not (job.started and job.ended):
        return ""
    return short_time((datetime.fromisoformat(job.ended) - datetime.fromisoformat(job.started)).total_seconds())


def amount(job: Job) -> str:
    """How much of a job is done: "132 of 400 traces", "12.0 of 40.5 MB"; "" while the whole isn't known."""
    if not job.total:
        return ""
    if job.unit == "bytes":
        return f"{job.done / _MEGABYTE:,.1f} of {job.total / _MEGABYTE:,.1f} MB"
    return f"{job.done:,} of {job.total:,} {job.unit}".rstrip()


def speed(job: Job) -> str:
    """A job's rate: "3.4 a second", "12 a minute", "1.2 MB a second"; "" where unknown or over."""
    if not job.rate or job.state.final:
        return ""
    if job.unit == "bytes":
        return f"{job.rate / _MEGABYTE:,.1f} MB a second"
    if job.rate >= 1:
        return f"{job.rate:,.1f} a second" if job.rate < 100 else f"{job.rate:,.0f} a second"
    return f"{job.rate * 60:,.1f} a minute"


def progress_line(job: Job, working: bool) -> str:
    """How much of a job is done, and while a worker is `working` how fast and how long still."""
    # Without a worker, rate and time left are those of a process that is gone.
    return joined(amount(job), *((speed(job), left(job)) if working else ()))


def share(job: Job) -> float:
    """The part of a job that is done; st.progress raises outside of 0 to 1."""
    return min(1.0, max(0.0, job.done / job.total)) if job.total else 0.0


def doing(job: Job, ahead: int, working: bool) -> str:
    """What an open job does or waits for; `ahead` jobs of its lane come first, `working` means a worker is there."""
    if job.state is JobState.CANCELLING:
        return "Stopping; what is finished is kept."
    if job.state is JobState.RUNNING:
        message = visible(job.message, 200)
        return (message if working else joined(message, "stands still until a worker is there")) or "begins"
    if ahead:
        return f"Waits for {ahead} job{'s' if ahead > 1 else ''} before it in the {LANES[job.lane]}."
    return f"Next in the {LANES[job.lane]}." if working else f"Next in the {LANES[job.lane]}, once a worker is there."


def state_words(job: Job) -> str:
    """A job's state in words; of a finished one also how much of it failed."""
    # Experiments list what failed, generations count it.
    lost = len(failures(job)) if isinstance(job.result.get("failed"), list) else int(job.result.get("failed") or 0)
    if job.state is JobState.DONE and (lost or job.result.get("untrained")):
        return f"{_STATES[job.state]}, {f'{lost:,} failed' if lost else 'nothing learned'}"
    return _STATES[job.state]


def failures(job: Job) -> Sequence[str]:
    """The sentences that say why parts of a job failed, as far as its result holds them."""
    result: Mapping[str, Any] = job.result
    lost = result.get("failed")
    if result.get("untrained"):
        return [str(result["untrained"])]
    if isinstance(lost, list):
        return [str(sentence) for sentence in lost]
    return [str(result["reason"]), *map(str, result.get("reasons", ()))] if lost and result.get("reason") else []


def joined(*parts: str) -> str:
    """The parts that aren't empty, with a dot between them."""
    return " · ".join(part for part in parts if part)
