"""Suggested changes to a word list by gold: forms that mislead, phrases it lacks, contexts that are no doubt. Pure.

Owns when a change is worth suggesting, and making a list with the changes chosen.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from backend.annotation import Span
from backend.domain import Group, UserError, visible
from backend.lexicon.entries import Entry, Lexicon, plain
from backend.lexicon.serialization import checked
from backend.measure.gold import FoundSpan
from backend.measure.shares import wilson_interval
from backend.measure.spans import Criterion, pairs

FEWEST: Final = 3  # hits behind a suggestion: fewer are an accident
MISLEADING: Final = 0.5  # a form that is right less often than this, beyond doubt, misleads
_CONTEXT: Final = 40
_LONGEST: Final = 60  # characters of a phrase; what is longer was marked as a clause, and no list would match it again
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


class SuggestedChange(StrEnum):
    """The kind of a suggestion."""

    DROP = "drop a form"
    ADD = "add an entry"
    EXCEPT = "add an exception"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change of a word list: `form` of `entry` (of `group` where it is new). `right` of `of` hits were cues.

    `examples` are (before, hit, after) in their texts.
    """

    change: SuggestedChange
    form: str
    entry: str
    group: Group
    right: int
    of: int
    examples: tuple[tuple[str, str, str], ...]

    @property
    def key(self) -> str:
        """An id of the suggestion within one page."""
        return f"{self.change.name}:{self.entry}:{self.form}"


@dataclass(frozen=True, slots=True)
class GoldText:
    """A text with its gold `spans` (labels are cue groups) and the list's own hits (`found`), within `[start, end)`."""

    text: str
    start: int
    end: int
    spans: Sequence[Span]
    found: Sequence[FoundSpan]
    blind: bool = True


def suggest(lexicon: Lexicon, texts: Sequence[GoldText]) -> list[Suggestion]:
    """Every change worth making, by kind and then the best supported first."""
    hits, missed = _hits_and_misses(lexicon, texts)
    found = [*_drops(lexicon, hits), *_adds(lexicon, missed), *_exceptions(lexicon, hits)]
    order = list(SuggestedChange)
    return sorted(found, key=lambda one: (order.index(one.change), one.right - one.of, -one.of, one.form))


def changed(lexicon: Lexicon, chosen: Sequence[Suggestion], name: str) -> Lexicon:
    """`lexicon` with these changes, as `name`. Raises UserError where nothing is chosen or no entry is left."""
    if not chosen:
        raise UserError("No change was chosen.")
    dropped = {(one.entry, one.form) for one in chosen if one.change is SuggestedChange.DROP}
    spared: dict[str, list[str]] = defaultdict(list)
    for one in chosen:
        if one.change is SuggestedChange.EXCEPT:
            spared[one.entry].append(one.form)
    entries = []
    for entry in lexicon.entries:
        forms = tuple(form for form in entry.forms if (entry.name, form) not in dropped)
        exceptions = tuple(dict.fromkeys((*entry.exceptions, *spared[entry.name])))
        if forms:
            entries.append(replace(entry, forms=forms, exceptions=exceptions))
    added = [
        Entry(one.entry, one.group, (one.form,), why="marked by people")
        for one in chosen
        if one.change is SuggestedChange.ADD
    ]
    if not (entries or added):
        raise UserError(f"Nothing would be left of {visible(lexicon.name)} with these changes.")
    # A shipped list isn't changed: the changed one is a person's own, under another name and title.
    title = lexicon.title if name == lexicon.name else f"{lexicon.title}, changed by gold"
    return checked(replace(lexicon, name=name, formerly="", title=title, entries=(*entries, *added)))


# A hit: the text, the place, and whether gold has it.
_Hit = tuple[GoldText, int, int, bool]


def _hits_and_misses(
    lexicon: Lexicon, texts: Sequence[GoldText]
) -> tuple[dict[tuple[str, str], list[_Hit]], dict[str, list[tuple[GoldText, Span]]]]:
    """(entry, form) -> hits, and phrase -> places gold has and the list doesn't."""
    hits: dict[tuple[str, str], list[_Hit]] = defaultdict(list)
    missed: dict[str, list[tuple[GoldText, Span]]] = defaultdict(list)
    forms = {form: entry.name for entry in lexicon.entries for form in entry.forms}
    for text in texts:
        found = [Span(one.start, one.end, "") for one in text.found]
        together = pairs(found, [Span(span.start, span.end, "") for span in text.spans], Criterion.OVERLAP)
        right, hit = {mine for mine, _ in together}, {theirs for _, theirs in together}
        for place, one in enumerate(text.found):
            form = plain(text.text[one.start : one.end], lexicon.mode)
            # In a list of substrings the words of a hit may be those of another entry's form too.
            if forms.get(form) == one.entry:
                hits[one.entry, form].append((text, one.start, one.end, place in right))
        for place, span in enumerate(text.spans):
            phrase = plain(text.text[span.start : span.end], lexicon.mode)
            if place not in hit and phrase and len(phrase) <= _LONGEST and phrase not in forms:
                missed[phrase].append((text, span))
    return hits, missed


def _drops(lexicon: Lexicon, hits: dict[tuple[str, str], list[_Hit]]) -> list[Suggestion]:
    groups = {entry.name: entry.group for entry in lexicon.entries}
    return [
        Suggestion(SuggestedChange.DROP, form, entry, groups[entry], right, len(places), _examples(places, wrong=True))
        for (entry, form), places in hits.items()
        if _misleads(right := sum(hit[3] for hit in places), len(places))
    ]


def _misleads(right: int, of: int) -> bool:
    """Whether the upper end of the share's 95 % interval (Wilson) lies below MISLEADING."""
    return of >= FEWEST and wilson_interval(right / of, of)[1] < MISLEADING


def _adds(lexicon: Lexicon, missed: dict[str, list[tuple[GoldText, Span]]]) -> list[Suggestion]:
    # An entry of that name may exist though none of its forms is the phrase; two of one name can't be told apart.
    names = {entry.name for entry in lexicon.entries}
    found = []
    for phrase, places in missed.items():
        if len(places) < FEWEST or phrase in names:
            continue
        # The group that most people gave it; schemes of other projects may have labels without a group.
        named = [Group(span.label) for _, span in places if span.label]
        group = Counter(named).most_common(1)[0][0] if named else Group.HEDGE
        hits = [(text, span.start, span.end, True) for text, span in places]
        found.append(Suggestion(SuggestedChange.ADD, phrase, phrase, group, len(places), len(places), _examples(hits)))
    return found


def _exceptions(lexicon: Lexicon, hits: dict[tuple[str, str], list[_Hit]]) -> list[Suggestion]:
    """Neighbouring words with which a form was never a cue, though without them it often is."""
    groups = {entry.name: entry.group for entry in lexicon.entries}
    spared = {form for entry in lexicon.entries for form in entry.exceptions}
    found = []
    for (entry, _), places in hits.items():
        # A form that is never a cue needs no exceptions: dropping it is what `_drops` suggests.
        if not any(hit[3] for hit in places):
            continue
        around: dict[str, list[_Hit]] = defaultdict(list)
        for hit in places:
            for phrase in _neighbours(hit, lexicon):
                around[phrase].append(hit)
        for phrase, same in around.items():
            if len(same) >= FEWEST and not any(hit[3] for hit in same) and phrase not in spared:
                examples = _examples(same)
                found.append(Suggestion(SuggestedChange.EXCEPT, phrase, entry, groups[entry], 0, len(same), examples))
    return found


def _neighbours(hit: _Hit, lexicon: Lexicon) -> list[str]:
    """The form with the word before it, and with the word after it, as a list would hold them."""
    text, start, end, _ = hit
    before = list(_WORD.finditer(text.text[max(0, start - _CONTEXT) : start]))
    after = _WORD.search(text.text[end : end + _CONTEXT])
    form, offset = text.text[start:end], max(0, start - _CONTEXT)
    found = []
    # One space between, as a form has it: a comma or a line break makes it another phrase.
    if before and text.text[offset + before[-1].end() : start] == " ":
        found.append(f"{before[-1][0]} {form}")
    if after and text.text[end : end + after.start()] == " ":
        found.append(f"{form} {after[0]}")
    return [plain(phrase, lexicon.mode) for phrase in found]


def _examples(hits: Sequence[_Hit], wrong: bool = False) -> tuple[tuple[str, str, str], ...]:
    chosen = [hit for hit in hits if not (wrong and hit[3])][:3]
    return tuple(
        (
            " ".join(text.text[max(0, start - _CONTEXT) : start].split()),
            text.text[start:end],
            " ".join(text.text[end : end + _CONTEXT].split()),
        )
        for text, start, end, _ in chosen
    )
