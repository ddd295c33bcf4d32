"""The conditions of trace lists: which filter becomes which SQL, by what lists are sorted, and graders' columns.

Identifiers come from the allow-lists here; values are bound. In the statements t is a trace and c its counts.
"""

import re
from itertools import combinations
from typing import Any

from backend.domain import GRADERS, SPELLINGS, SearchAs, TraceFilter, UserError, visible
from backend.lexicon.folding import continues_word

# Grader, by the name that people choose it by -> the column that holds its verdict.
VERDICTS = {"file": "file_correct", "paper": "paper_correct", GRADERS[0]: "verify_correct"}

# Per 1,000 tokens, or words where a run has no tokenizer. Cues without tokens make NULL, a dash, never a division by 0.
PER_1K = "1000.0 * coalesce(c.n, 0) / nullif(coalesce(t.tokens, t.words), 0)"

SORTS = {
    # In the order the ledger lists runs, by data set and model: ids are hashes.
    "run": "list_position($order, t.run_id)",
    "problem": "t.problem_ordinal",
    "sample": "t.sample",
    "words": "t.words",
    "cues": "coalesce(c.n, 0)",
    "density": PER_1K,
    "correct": "{verdict}",
    "finish": "t.finish",
    "loops": "t.loop_chars / nullif(t.chars, 0)",
}

OF_RUNS = "t.run_id IN (SELECT unnest($runs))"

DISAGREE = " OR ".join(f"t.{a} <> t.{b}" for a, b in combinations(VERDICTS.values(), 2))

_LONGEST = 1_000

# Scripts written without spaces between words: beside them a word is whole, as the lexicons have it.
_UNSPACED = "".join(rf"\p{{{n}}}" for n in ("Han", "Hiragana", "Katakana", "Hangul", "Thai", "Lao", "Myanmar", "Khmer"))


def verdict_column(grader: str) -> str:
    """The column of a grader's verdicts. Raises UserError for an unknown grader."""
    grader = SPELLINGS.get(grader, grader)
    if grader not in VERDICTS:
        raise UserError(f"There is no grader called {visible(grader, 40)!r}; there are {', '.join(VERDICTS)}.")
    return VERDICTS[grader]


def conditions(wanted: TraceFilter) -> tuple[list[str], dict[str, Any]]:
    """The conditions of a filter on numbers, and their bound values."""
    verdict = f"t.{verdict_column(wanted.grader)}"
    tests: list[str] = []
    values: dict[str, Any] = {}
    words = {"min_words": "t.words >=", "max_words": "t.words <="}
    density = {"min_density": f"{PER_1K} >=", "max_density": f"{PER_1K} <="}
    for name, test in (words | density).items():
        if (bound := getattr(wanted, name)) is not None:
            tests.append(f"{test} ${name}")
            values[name] = bound
    if wanted.runs:
        tests.append(OF_RUNS)
        values["runs"] = list(wanted.runs)
    if wanted.problem:
        tests.append("t.problem_id = $problem")
        values["problem"] = wanted.problem
    if wanted.unknown:
        tests.append(f"{verdict} IS NULL")
    elif wanted.correct is not None:
        tests.append(verdict if wanted.correct else f"NOT {verdict}")
    if wanted.disagree:
        tests.append(f"({DISAGREE})")
    if wanted.looping is not None:
        tests.append(f"t.loop_chars {'>' if wanted.looping else '='} 0")
    if wanted.cut is not None:
        tests.append("t.finish = 'length'" if wanted.cut else "t.finish <> 'length'")
    return tests, values


def search_condition(wanted: TraceFilter) -> tuple[str, dict[str, Any]]:
    """The condition of a text search, and its bound values. Words end where the lexicons let them end.

    Raises UserError for a search that is too long.
    """
    # DuckDB compiles a pattern in one go that nothing can stop: 20,000 letters of any case took it over 100 seconds.
    if len(wanted.search) > _LONGEST:
        raise UserError(f"A search has at most {_LONGEST:,} characters; this one has {len(wanted.search):,}.")
    if wanted.search_as is SearchAs.TEXT:
        return "contains(lower(t.text), lower($search))", {"search": wanted.search}
    if wanted.search_as is SearchAs.REGEX:
        return "regexp_matches(t.text, $search)", {"search": wanted.search}
    # RE2 has neither lookaround nor a \b beyond ASCII, so the edges are spelled out.
    edge = rf"[^\pL\pN_\p{{Mn}}\p{{Mc}}]|[{_UNSPACED}]"
    left = rf"(?:^|{edge})" if continues_word(wanted.search[0]) else ""
    right = rf"(?:{edge}|$)" if continues_word(wanted.search[-1]) else ""
    return "regexp_matches(t.text, $search)", {"search": f"(?i){left}{re.escape(wanted.search)}{right}"}
