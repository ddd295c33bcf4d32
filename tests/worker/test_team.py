"""Apps and workers share a ledger on PostgreSQL while workers are killed, the database stops, and clocks disagree.

Every item is made exactly once, no job is lost, and every page answers throughout, with a sentence at worst.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest
from playwright.sync_api import Page, sync_playwright

from backend.config import Settings
from backend.job import Job, JobState
from backend.services import build_services
from tests.browser.app_pages import ROOT
from tests.browser.conftest import CHROMIUM, FLAGS, start_server
from tests.pages.test_pages import fill
from tests.patience import PATIENCE, dice, until
from tests.postgres_server import PostgresServer
from tests.worker.worker_cases import SMALL, Bench, bench_on

HOUR = 3600
# Every call that asks for the time of day, not those that measure how long something takes.
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long ahead(void) { const char *s = getenv("CLOCK_AHEAD"); return s ? atol(s) : 0; }
int clock_gettime(clockid_t id, struct timespec *at) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, at);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) at->tv_sec += ahead();
    return done;
}
int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now; int done = clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec; at->tv_usec = now.tv_nsec / 1000; return done;
}
time_t time(time_t *at) {
    struct timespec now; clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


@dataclass(frozen=True)
class Plan:
    """How many of everything, and what befalls them."""

    apps: int
    workers: int
    jobs: int
    items: int
    kills: int
    every: tuple[float, float]  # seconds between two kills
    outage: float  # seconds
    pages: Sequence[str]
    pause: float = 0.05  # seconds an item takes


@dataclass
class Watch:
    """What the pages of the apps answered, and how long the slowest took."""

    answers: Counter[str] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)
    slowest: float = 0.0


def clocks(folder: Path) -> list[dict[str, object]]:
    """The environment of a worker whose clock is right, of one an hour ahead, and of one an hour back."""
    library, source = folder / "clock.so", folder / "clock.c"
    source.write_text(CLOCK)
    if (cc := shutil.which("cc")) and not subprocess.run(
        [cc, "-shared", "-fPIC", "-o", library, source, "-ldl"]
    ).returncode:
        return [{}, *({"LD_PRELOAD": library, "CLOCK_AHEAD": off} for off in (HOUR, -HOUR))]
    return [{}, {"SMALL_CLOCK": HOUR}, {"SMALL_CLOCK": -HOUR}]


def look(page: Page, watch: Watch, url: str, name: str) -> None:
    """Open a page and note what it answers."""
    began = time.monotonic()
    page.goto(f"{url}/{'' if name == 'overview' else name}")
    page.locator("h1").first.wait_for()
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
    )
    watch.slowest = max(watch.slowest, time.monotonic() - began)
    text = page.inner_text("body")
    if page.locator(".stException").count() or "Traceback" in text:
        watch.trouble.append(f"{name}: {text[:400]}")
    watch.answers["a sentence" if page.locator(".st-key-sth-outage").count() else "the page"] += 1


@contextmanager
def watched(urls: Sequence[str], pages: Sequence[str]) -> Iterator[Watch]:
    """Someone opens one page after the other in every app, for the length of a block."""
    watch, over = Watch(), Event()

    def browse() -> None:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
            tabs = {url: browser.new_page() for url in urls}
            for tab in tabs.values():
                tab.set_default_timeout(1_000 * PATIENCE)
            while not over.is_set():
                for name in pages:
                    for url, tab in tabs.items():
                        try:
                            look(tab, watch, url, name)
                        except Exception as error:
                            watch.trouble.append(f"{name}: {error}")
                    if over.is_set():
                        break
            browser.close()

    thread = Thread(target=browse)
    if CHROMIUM.exists():
        thread.start()
    try:
        yield watch
    finally:
        over.set()
        if CHROMIUM.exists():
            thread.join()


class Team:
    """Worker processes with clocks of their own, of which some are killed and come back."""

    def __init__(self, bench: Bench, plan: Plan, folder: Path) -> None:
        self.bench, self.clocks = bench, (clocks(folder) * plan.workers)[: plan.workers]
        self.workers: list[subprocess.Popen[bytes] | None] = [self.spawn(n) for n in range(plan.workers)]
        self.kills = self.ended = 0
        self.back: dict[int, float] = {}

    def spawn(self, number: int) -> subprocess.Popen[bytes]:
        return self.bench.spawn((*SMALL, "worker"), **self.clocks[number])

    def kill(self, draw: random.Random) -> None:
        """Kill one as a crash would; it comes back at once, or after the others have taken over what it did."""
        at_work = [(n, worker) for n, worker in enumerate(self.workers) if worker and self.bench.row(worker)]
        if not at_work:
            return
        number, worker = draw.choice(at_work)
        worker.kill()
        worker.wait()
        self.kills += 1
        self.workers[number] = None
        self.back[number] = time.monotonic() + draw.choice([0, 0, 6])

    def tend(self) -> None:
        """Start those again that are due, and those that ended; counts those that were at work and ended by themselves."""
        for number, worker in enumerate(self.workers):
            if worker is None and time.monotonic() >= self.back[number]:
                self.workers[number] = self.spawn(number)
            elif worker is not None and worker.poll() is not None:
                # One that is only starting while the database stops ends with a sentence: a service manager tries again.
                self.ended += f"(process {worker.pid})" in self.bench.log.read_text()
                self.workers[number] = self.spawn(number)

    def close(self) -> None:
        for worker in filter(None, self.workers):
            worker.kill()
            worker.wait()


def work(team: Team, jobs: Sequence[Job], plan: Plan, draw: random.Random, server: PostgresServer) -> None:
    """Let the team do the jobs, with kills in between and one outage once a third is done."""
    stream, count = team.bench.store.streams, plan.jobs * plan.items
    due, out = time.monotonic() + draw.uniform(*plan.every), False
    limit = time.monotonic() + 3_000
    while not all(team.bench.jobs.get(job.id).state.final for job in jobs):
        assert time.monotonic() < limit, "the jobs don't end"
        time.sleep(0.3)
        made = sum(len(stream.kept(job.id)) for job in jobs)
        if not out and made >= count / 3:
            server.stop()
            time.sleep(plan.outage)
            server.start()
            until(lambda: reached(team.bench))
            out = True
        elif made and team.kills < plan.kills and time.monotonic() > due:
            team.kill(draw)
            due = time.monotonic() + draw.uniform(*plan.every)
        team.tend()
    assert out, "the database was never away"


def reached(bench: Bench) -> bool:
    try:
        return bool(bench.jobs.all())
    except Exception:
        return False


def whole(bench: Bench, job: Job, items: int) -> None:
    """The job is done, and every item was made, kept and told once."""
    over = bench.jobs.get(job.id)
    assert over.state is JobState.DONE, f"{over.error}\n{bench.text(job)}"
    assert bench.items(job) == sorted(bench.said(job)) == list(range(items))
    assert [item.seq for item in bench.jobs.stream(job.id)] == list(range(1, items + 1))
    assert over.result == {"items": items} and (over.done, over.total) == (items, items)


def shared_work(plan: Plan, server: PostgresServer, folder: Path) -> None:
    draw, began = dice(), time.monotonic()
    settings = Settings(store=folder / "store", lab=folder / "lab", ledger_url=server.new(), graders=1)
    with build_services(settings) as services:
        fill(services, folder)
    named = {
        "STORE": settings.store,
        "LAB": settings.lab,
        "LEDGER": settings.ledger_url,
        "WORKER": "off",
        "DEMO": "off",
    }
    env = {f"SECOND_THOUGHTS_{name}": str(value) for name, value in named.items()}
    apps = [start_server(ROOT / "app.py", env, folder / f"app-{n}.log") for n in range(plan.apps)]
    try:
        with bench_on(settings) as bench, watched([url for _, url in apps], plan.pages) as watch:
            jobs = [bench.submit(items=plan.items, pause=plan.pause) for _ in range(plan.jobs)]
            team = Team(bench, plan, folder)
            try:
                work(team, jobs, plan, draw, server)
            finally:
                team.close()
            for job in jobs:
                whole(bench, job, plan.items)
            assert len(bench.jobs.all(1000)) == plan.jobs
    finally:
        for process, _ in apps:
            process.kill()
            process.wait()
    print(
        f"{plan.jobs * plan.items} items in {plan.jobs} jobs, each once, in {time.monotonic() - began:.0f} s; "
        f"{team.kills} workers killed, {team.ended} ended by themselves; pages: {dict(watch.answers)}, "
        f"slowest {watch.slowest:.1f} s"
    )
    assert not watch.trouble and not team.ended, (watch.trouble[:3], team.ended)


def test_a_small_team_shares_its_work(own_postgres: PostgresServer, tmp_path: Path) -> None:
    shared_work(Plan(1, 2, 6, 8, 1, (0, 0.5), 2.0, ("overview", "jobs"), 0.02), own_postgres, tmp_path)


@pytest.mark.stress
@pytest.mark.timeout(3600)
def test_two_apps_and_three_workers_share_their_work(own_postgres: PostgresServer, tmp_path: Path) -> None:
    every = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "shell")
    shared_work(Plan(2, 3, 40, 50, 1_000, (3.0, 6.0), 20.0, every), own_postgres, tmp_path)


def test_a_worker_that_is_started_while_the_database_is_away_waits(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    with bench_on(Settings(store=tmp_path / "store", ledger_url=own_postgres.new(), graders=1)) as bench:
        job = bench.submit(items=1)
        own_postgres.stop()
        bench.process = bench.spawn()
        until(lambda: "The worker waits" in bench.log.read_text())
        own_postgres.start()
        assert bench.wait(job).done == 1
