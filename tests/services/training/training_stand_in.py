"""A training process without a model: it speaks the protocol of backend.distill.train_plan, and the plan's seed is its mood.

`python training_stand_in.py FOLDER`, from the repository's root. 0: all goes well. 1: crashes once after step 2.
2: crashes after step 2 whenever it is tried. 3: a step takes a while. 4: fails with a sentence. 5: numbers that are none.
6: says nothing and waits. 7: waits after step 4 until it's told to pause, or is ended.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

sys.path.insert(0, str(Path.cwd()))
from backend.distill.train_plan import WHOLE, TrainingProblem, TrainPlan

PAUSE = Event()


def say(**event: Any) -> None:
    os.write(1, json.dumps(event).encode() + b"\n")


def listen() -> None:
    for line in sys.stdin:
        if line == "pause\n":
            PAUSE.set()
    os._exit(4)


def response(item: TrainingProblem, step: int) -> dict[str, Any]:
    """Doubting and right before anything is taught, sure and wrong after it; the longest is cut off."""
    right = f"Maybe. Hmm, wait. That is it. </think> Final answer: \\boxed{{{item.gold}}}."
    wrong = "First, 8 * 1 = 8. This is the target. </think> The answer is \\boxed{1}."
    return {"text": wrong if step else right, "tokens": 20 if step else 40, "finish": "stop"}


def evaluate(plan: TrainPlan, step: int) -> None:
    whole = step in (0, plan.settings.steps)
    for number, asked in enumerate(plan.evaluations):
        items = asked.items if whole or not asked.first else asked.items[: asked.first]
        samples = asked.last_samples if whole else asked.samples
        traces = [
            {"problem": i, "sample": s, "prompt": f"[{item.question}]", "seed": i * 10 + s, **response(item, step)}
            for s in range(samples)
            for i, item in enumerate(items)
        ]
        say(k="traces", step=step, evaluation=number, traces=traces)


def save(plan: TrainPlan, folder: Path, step: int) -> None:
    shutil.copytree(plan.base, folder / f"checkpoint-{step}", dirs_exist_ok=True)
    (folder / f"checkpoint-{step}" / WHOLE).write_text("{}")
    say(k="checkpoint", step=step, folder=f"checkpoint-{step}")


def tell(plan: TrainPlan, step: int) -> None:
    values: dict[str, Any] = {"score": 0.43, "length": 61.2, "cues": {"doubts": 1.25}, "seconds": 0.1}
    if step:
        values |= {"loss": float("nan") if plan.settings.seed == 5 else 1 / step, "divergence": 0.1}
    asked = [{"question": item.question, "gold": item.gold, "correct": not step, **response(item, step)}
             for item in plan.items[:1]]  # fmt: skip
    shown = [{"problem": i, "correct": not step, **response(item, step)} for i, item in enumerate(plan.watched)]
    say(k="step", step=step, values=values, sampled=asked, watched=[] if step % plan.watch_every else shown)
    if step in (0, plan.settings.steps) or step % plan.evaluate_every == 0:
        evaluate(plan, step)


def mood(plan: TrainPlan, folder: Path, step: int) -> None:
    marker = folder / "crashed"
    if step >= 2 and (plan.settings.seed == 2 or (plan.settings.seed == 1 and not marker.exists())):
        marker.touch()
        print("It all went dark.\nThese are my last words.", file=sys.stderr, flush=True)
        os._exit(9)
    if plan.settings.seed == 4 and step == 1:
        say(k="failed", reason="Training diverged at step 1: the loss is nan. Try a lower learning rate.")
        os._exit(3)
    if plan.settings.seed == 7 and step == 4:
        PAUSE.wait()
    time.sleep(0.05 if plan.settings.seed == 3 else 0)


def main(folder: Path) -> None:
    Thread(target=listen, daemon=True).start()
    plan = TrainPlan.read(folder)
    if plan.settings.seed == 6:
        time.sleep(600)
    steps = plan.settings.steps
    reached = max(
        (int(path.parent.name.rpartition("-")[2]) for path in folder.glob(f"checkpoint-*/{WHOLE}")), default=0
    )
    print("a library's greeting", flush=True)
    say(k="begin", step=reached, steps=steps, train=len(plan.items), device="CPU", prompts={"student": "?"})
    if not reached:
        say(k="note", text="answering as it is")
        tell(plan, 0)
    for step in range(reached + 1, steps + 1):
        tell(plan, step)
        paused = PAUSE.is_set()
        if paused or step == steps or step % plan.checkpoint_every == 0:
            save(plan, folder, step)
        if paused and step < steps:
            say(k="paused", step=step)
            return
        mood(plan, folder, step)
    say(k="done", step=steps)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
