"""A worker and its runners whose trainings are done by a stand-in without a model; everything else about them is real.

`python small_training.py worker|runner`, with the store in the environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from backend.config import load
from backend.job import Job, JobKind
from backend.log_format import configure_logging
from backend.services import Services
from backend.services.jobs import JobProgress
from backend.services.training.run import TrainingRunner
from backend.worker import runner
from backend.worker.main import run_worker
from backend.worker.tasks import TASKS, JobHandler

STAND_IN = Path(__file__).resolve().parents[1] / "services" / "training" / "training_stand_in.py"
TrainingRunner.launch = staticmethod(lambda folder, _processes: [sys.executable, str(STAND_IN), str(folder)])


class Warm:
    """An engine that says when it is closed."""

    def __init__(self, store: Path) -> None:
        self.note = store / "engine"
        self.note.write_text("open")

    def close(self) -> None:
        self.note.write_text("closed")


def opens(services: Services, job: Job, engines: Any, progress: JobProgress) -> dict[str, Any]:
    """Leaves an engine warm, as a generating job does."""
    model = services.models.get("lab-base")
    engines(services.models.family([model]), "auto")
    return {"runner": os.getpid()}


TASKS[JobKind.GENERATE] = JobHandler(opens, lambda _services, _job: {})

if __name__ == "__main__":
    runner.open_engine = lambda *_args, **_kwargs: Warm(load().store)  # type: ignore[assignment,return-value]
    if sys.argv[1] == "runner":
        runner.preload = lambda: None
        runner.main()
    else:
        configure_logging("text")
        sys.exit(run_worker(load(), runner=[sys.executable, __file__, "runner"]))
