"""Names of models and data sets, guessed from paths, file names and settings.

Owns the canonical labels of known data sets, and which folders name an evaluation, a step or a date and no model.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from backend.domain import RunInfo
from backend.exchange.traces.columns import FAMILIES
from backend.exchange.traces.trace_format import ScannedFile

_PLAIN = re.compile(r"[^a-z0-9]+")
# One label a set, or runs on the same problems would stand apart in every list.
_ALIASES = (
    (re.compile(r"aime(?:20)?24"), "AIME24"),
    (re.compile(r"aime(?:20)?25"), "AIME25"),
    (re.compile(r"amc(?:20)?23"), "AMC23"),
    (re.compile(r"math500"), "MATH500"),
    (re.compile(r"aime90"), "AIME90"),
)
# How the names of other known sets begin, as folders or parts of file names.
_SETS = re.compile(
    r"aime|amc|math(?:_?500|_?qa|$|[_-]?level)|gsm|aqua|gpqa|mmlu|svamp|asdiv|mawps|olympiad|minerva|gaokao|humaneval|"
    r"mbpp|livecodebench|lcb|arc(?:_|-|$)|hellaswag|csqa|commonsense_?qa|strategy_?qa|drop$|bbh|ifeval|college_?math|"
    r"tabmwp|cmath|hmmt|brumo|omni_?math|countdown|numina|deepmath|truthfulqa|winogrande|piqa|boolq|competition_?math|"
    r"hendrycks|musr|zebra|hotpot|triviaqa|simpleqa|theoremqa|scibench|codeforces",
    re.IGNORECASE,
)
# Folders that trainers make inside a model's folder; alone they don't name a model.
_INNER = re.compile(
    r"(?:checkpoint|global_step|step|epoch|iter|iteration)[-_]?\d+|output_hf_model|hf_model|actor|merged|final", re.I
)
# Folders and files that name an evaluation, a place or a time.
_NO_MODEL = re.compile(
    r"(?:.+[-_])?evals?(?:uation)?s?(?:[-_](?:results?|outputs?|logs?|runs?))?|eval[-_].+|(?:model[-_]?)?(?:outputs?|results?|responses?|"
    r"predictions?|preds?|reviews?|generations?|completions?|rollouts?|samples?|logs?|traces?|trajectories|details?|"
    r"answers?|raw|data|datasets?|dumps?|exports?|runs|gens?|experiments?|exp|main|default|tmp|temp|home|work|all|"
    r"training|rollout|validation|val|train|test|dev|inference|infer|records?|chains?|cot|json|jsonl|parquet)(?:[-_]?\d+)?|"
    r"(?:seed|run|trial|sample|problem|question|item|part|shard|rank|rs|try|fold)s?[-_]?\d+|"
    r"\d+|(?:19|20)\d\d[-_.]?\d\d[-_.]?\d\d(?:[-_T ].*)?|[0-9a-f]{12,}|"
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:results?|samples|outputs?|predictions?|responses?)[-_](?:19|20)?\d.*",
    re.IGNORECASE,
)
_HUB = re.compile(r"(?:models--)?(?P<owner>[A-Za-z0-9][\w.-]*?)(?:__|--)(?P<name>[A-Za-z0-9][\w.-]*)")
# A date at the end is a harness's, and what stands before it the data set.
_DATED = re.compile(r"(?:samples|details|results|outputs?|predictions?)[-_](?P<name>.+?)_(?:19|20)\d\d-?\d\d-?\d\d.*")
_HOLDS = r"(?:outputs?|results?|responses?|predictions?|generations?|completions?|rollouts?|traces?|answers?)"
_WRAPPED = (
    re.compile(rf"{_HOLDS}[-_](?P<name>(?!\d+$).+)", re.IGNORECASE),
    re.compile(rf"(?P<name>.*[a-z].*)[-_]{_HOLDS}", re.IGNORECASE),
)
_SHARD = re.compile(r"(?P<name>.+)-\d{5}-of-\d{5}")
_STEPS = r"(?:global[-_]?step|step|iteration|iter|checkpoint|ckpt)[-_]?(?P<step>\d+)"
_STEP_PART = re.compile(_STEPS, re.IGNORECASE)
_STEP_END = re.compile(rf"(?:^|[-_.]){_STEPS}(?=\.[a-z.]+$|$)", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:[a-z]+[-_])?\d+", re.IGNORECASE)
UNNAMED = "the model is not named in the source: the file's name stands in for it"
# Folders that tell a trained model from the one it came from, where both have the same name.
_TRAINED = {
    *("sft", "rl", "rlft", "rlhf", "grpo", "gspo", "dpo", "ppo", "rloo", "sdft", "sdpo", "opsd", "limo", "distilled"),
    *("distill", "tuned", "finetuned", "trained", "posttrained", "after", "lora", "ft", "student"),
}


def dataset_label(name: str) -> str:
    """AIME24, AIME25, AMC23, MATH500, AIME90 for their known spellings (with or without an owner); else as given."""
    plain = _PLAIN.sub("", name.rsplit("/", 1)[-1].lower())
    return next((label for pattern, label in _ALIASES if pattern.fullmatch(plain)), name)


def model_label(parts: Sequence[str]) -> tuple[str, str]:
    """Model and checkpoint of path parts, outermost first: ("run", "checkpoint-240"); "" where there is none."""
    names = [part for part in parts if part not in ("", ".", "..", "/")]
    inner: list[str] = []
    while len(names) > 1:
        if _INNER.fullmatch(names[-1]):
            inner.insert(0, names.pop())
        elif _NO_MODEL.fullmatch(names[-1]) or names[-1].lower() in _TRAINED:
            names.pop()
        else:
            break
    return (hub_name(names[-1]) if names else ""), "/".join(inner)


def hub_name(part: str) -> str:
    """`org/name` for the spellings that folders have of it (`org__name`, `models--org--name`); of a path its end."""
    if part.startswith(("/", "./", "../", "~/")):
        return " · ".join(filter(None, model_label(part.split("/"))))
    found = _HUB.fullmatch(part)
    return f"{found['owner']}/{found['name']}" if found else part


def shard_name(stem: str) -> str | None:
    """`train` for `train-00003-of-00010`: the name that the pieces of one table share; None for other names."""
    found = _SHARD.fullmatch(stem)
    return found["name"] if found else None


def is_numbered(part: str) -> bool:
    """Whether a folder is one of many, one a problem: `problem_12`, `12`."""
    return bool(_NUMBERED.fullmatch(part)) and not _INNER.fullmatch(part) and not part.lower().startswith("seed")


def _plain_stem(found: ScannedFile) -> str:
    """The file's name without what says that it holds responses: `qwen3` of `responses_qwen3` and `qwen3_rollouts`."""
    stem = shard_name(found.stem) or found.stem
    return next((named["name"] for pattern in _WRAPPED if (named := pattern.fullmatch(stem))), stem)


def from_file(found: ScannedFile) -> tuple[str, str]:
    """(model, dataset) for sources that name neither: the file's own name and its folder's.

    Where the file's name is that of an evaluation or of a data set (`response.json`), the model is the folder that
    names one.
    """
    shared, dated, stem = shard_name(found.stem), _DATED.fullmatch(found.stem), _plain_stem(found)
    folders = [part for part in found.folders if not _NO_MODEL.fullmatch(part) and not _INNER.fullmatch(part)]
    models = [part for part in folders if not _is_set(part) and part.lower() not in _TRAINED]
    likely = [part for part in models if _is_model(part)]
    by_folder = dated or (not shared and _NO_MODEL.fullmatch(stem)) or (likely and likely[-1] in folders[-3:])
    if (_is_model(stem) and not dated) or not by_folder:
        # "math500.jsonl" names the set by itself; otherwise the folder is the best guess.
        known = dataset_label(stem) if dataset_label(stem) != stem else dataset_label((folders or [""])[-1])
        return hub_name(stem), known or (found.folders or ("unnamed",))[-1]
    model = (likely or models or [stem])[-1]
    inner = [part for part in found.folders if _INNER.fullmatch(part)]
    dataset = dataset_label(dated["name"]) if dated else _dataset(stem, folders, model)
    # A step is a part of the name: a series has the same model at many of them.
    return " · ".join((hub_name(model), *inner)), dataset or "unnamed"


def dataset_of(found: ScannedFile) -> str:
    """The data set of a source whose model is named inside it: no folder stands for a model then."""
    stem = _plain_stem(found)
    folders = [part for part in found.folders if not _NO_MODEL.fullmatch(part) and not _INNER.fullmatch(part)]
    known = dataset_label(stem) != stem or not folders
    return dataset_label(stem) if known else _dataset("results", folders, "") or from_file(found)[1]


def _is_model(part: str) -> bool:
    return bool(FAMILIES.search(part) or _HUB.fullmatch(part))


def _is_set(part: str) -> bool:
    return bool(_SETS.match(part)) and not FAMILIES.search(part)


def _dataset(stem: str, folders: Sequence[str], model: str) -> str:
    """The data set in a file's name, or the known one among the folders with what divides it (`gsm8k/normal`)."""
    if _is_set(stem) or (not _NO_MODEL.fullmatch(stem) and not any(map(_is_set, folders))):
        return dataset_label(stem)
    start = next((place for place in reversed(range(len(folders))) if _is_set(folders[place])), None)
    if start is not None:
        inner = [part for part in folders[start + 1 :] if part != model and part.lower() not in _TRAINED]
        return "/".join((dataset_label(folders[start]), *inner))
    others = [part for part in folders if part != model and not _is_model(part)]
    return others[-1] if others else ""


def with_training(info: RunInfo, folders: Sequence[str]) -> RunInfo:
    """The run named apart from its base's, where a folder beside the model's says that it was trained.

    `sft/Qwen2.5-7B/` beside `base/Qwen2.5-7B/` is "Qwen2.5-7B · sft", trained from "Qwen2.5-7B"; the steps of
    `exp/sdpo/` and of `exp/grpo/` are two series.
    """
    named = info.series or info.model
    places = [place for place, part in enumerate(folders) if part in (named, named.replace("/", "__"))]
    if info.parent or (info.variant and not info.series) or not places:
        return info
    below = folders[places[-1] + 1 :]
    beside = [*(below if info.series else below[:1]), *folders[: places[-1]][-1:]]
    word = next((part for part in beside if part.lower() in _TRAINED), None)
    own = set(re.split(r"[^a-z0-9]+", named.lower()))
    if word is None or own & _TRAINED:
        return info
    told = f"{named} · {word}"
    if info.series:
        return replace(info, model=info.model.replace(named, told, 1), series=told)
    return replace(info, model=told, parent=info.model, variant=word)


def with_step(info: RunInfo, names: Sequence[str]) -> RunInfo:
    """The run as a step of a series, where nothing in its file says so and a folder or the file's name does.

    `run7/checkpoint-240/` is step 240 of "run7"; `rollouts_step_20.jsonl` step 20 of what else its name says.
    """
    if info.step is not None or info.series or not names:
        return info
    found = next(filter(None, map(_STEP_PART.fullmatch, reversed(names[:-1]))), None) or _STEP_END.search(names[-1])
    if found is None or len(found["step"]) > 12:
        return info
    series = info.model.replace(f" · {found[0]}", "").removesuffix(found[0]) or info.model
    return replace(info, series=series, step=int(found["step"]))


def joined(*notes: str) -> str:
    """Notes as one line."""
    return "; ".join(note for note in notes if note)
