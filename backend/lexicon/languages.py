"""Languages of texts and of lists, told cheaply: by script, and for Latin letters by the commonest words.

It serves one warning: where a list's languages aren't the traces', its counts say nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from backend.lexicon.entries import Lexicon

_SCRIPTS: Final = {
    "Japanese": "\u3040-\u30ff\uff66-\uff9f",
    "Chinese": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "Korean": "\u1100-\u11ff\uac00-\ud7af",
    "Cyrillic": "\u0400-\u04ff",
    "Arabic": "\u0600-\u06ff\u0750-\u077f",
    "Hebrew": "\u0590-\u05ff",
    "Devanagari": "\u0900-\u097f",
    "Thai": "\u0e00-\u0e7f",
}
_RUNS: Final = {name: re.compile(f"[{letters}]+") for name, letters in _SCRIPTS.items()}
# Single letters are variables and \\frac is no word: in Chinese mathematics they are a third of all letters.
_LATIN: Final = re.compile(r"(?<![\\\w])[A-Za-z\u00c0-\u024f]{2,}")
# The commonest words that the other languages lack, and some that lists of doubts hold.
_COMMON: Final = {
    "English": "the and that this is are we so then because wait maybe perhaps might check",
    "German": "der das und ist nicht wir eine mit auch dann wenn warte vielleicht",
    "French": "les des est une nous donc que dans pour avec attends attendez peut",
    "Spanish": "los las el una entonces que para con pero donde espera quizás",
    "Portuguese": "uma não os são então que para com mas onde espere talvez",
    "Italian": "che della sono è quindi per con il una dove aspetta forse",
}
_WORDS: Final = {name: frozenset(words.split()) for name, words in _COMMON.items()}
_FOREIGN: Final = 0.25  # R1 models slip into Chinese now and then: that much of it isn't a slip


def letters(texts: Iterable[str]) -> Counter[str]:
    """Language -> letters of it in `texts`."""
    counts: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for text in texts:
        for name, run in _RUNS.items():
            counts[name] += sum(map(len, run.findall(text)))
        words.update(word.lower() for word in _LATIN.findall(text))
    # Japanese is written with Chinese characters too.
    if counts["Japanese"] * 10 > counts["Chinese"]:
        counts["Japanese"] += counts.pop("Chinese")
    # Formulas and names alone have none of these words, and are no reason to warn.
    counts[_latin(words) or "English"] += sum(len(word) * n for word, n in words.items())
    return +counts


def _latin(words: Mapping[str, int]) -> str:
    """The language that most of the common words among `words` are of; "" where there are none."""
    heard = {name: sum(words.get(word, 0) for word in common) for name, common in _WORDS.items()}
    best = max(heard, key=lambda name: heard[name])
    return best if heard[best] else ""


def languages_of(lexicon: Lexicon) -> tuple[str, ...]:
    """The languages of a list's forms; no Latin one where nothing tells which it is."""
    forms = [form for entry in lexicon.entries for form in entry.forms]
    latin = _latin(Counter(word for form in forms for word in _LATIN.findall(form)))
    scripts = [name for name, run in _RUNS.items() if any(run.search(form) for form in forms)]
    return tuple(filter(None, (latin, *scripts)))


def languages_of_forms(forms: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The languages of some forms of a list whose languages are `known`."""
    latin = [name for name in known if name in _COMMON][:1]
    told = [[name for name, run in _RUNS.items() if run.search(form)] or latin for form in forms]
    return tuple(dict.fromkeys(name for names in told for name in names))


def foreign(lexicon: Lexicon, found: Mapping[str, int]) -> str:
    """The language of texts, whose letters are `found`, that a list doesn't speak; "" where it speaks theirs."""
    known, total = languages_of(lexicon), sum(found.values())
    # A list of which nothing tells the language may be in any with Latin letters; a detector has no forms.
    unsure = not any(name in _COMMON for name in known)
    strange = {name: n for name, n in found.items() if name not in known and not (unsure and name in _COMMON)}
    if not total or lexicon.learned or sum(strange.values()) < _FOREIGN * total:
        return ""
    return max(strange, key=lambda name: strange[name])


def warning(lexicons: Sequence[Lexicon], found: Mapping[str, int]) -> str:
    """The sentence that names those of some lists that don't speak the language of texts; "" where all do."""
    strange = {lexicon.name: lexicon for lexicon in lexicons if foreign(lexicon, found)}
    if not strange:
        return ""
    first = next(iter(strange.values()))
    language, spoken = foreign(first, found), " and ".join(languages_of(first)) or "in Latin letters"
    who = f"list {first.name} is" if len(strange) == 1 else f"lists {', '.join(strange)} are"
    share = found[language] / sum(found.values())
    its = "its" if len(strange) == 1 else "their"
    return f"The {who} {spoken}; {share:.0%} of these traces’ letters are {language}, so {its} counts say little."
