"""The matcher: finds the cues of any word list in a text.

Owns the matching rules: case, word edges, exceptions, overlaps. Offsets are code points into the text as given.

The rules, in order:

1. Case doesn't count, as `str.lower` has it. In word mode a straight and a curly apostrophe are the
   same, and a space of a form stands for any one white-space character (so a phrase may run over a
   line break, never over a blank line).
2. Word mode: a form that begins (ends) with a character of a word must not be preceded (followed) by
   one; `folding.continues_word` says what that is. Forms in Chinese need no edge.
3. An entry that is bound to a sentence (`Anchor`) matches at the start of one, for a question of one that ends in "?".
4. Exceptions of any entry win: a match that overlaps one is none.
5. Overlap `each`: every form counts for itself, non-overlapping with itself from the left, which is
   what `text.lower().count(form)` counts ("hmmight" holds hmm and might). Overlap `longest`: of
   overlapping matches the leftmost stays, of those with one start the longest.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from ahocorasick_rs import AhoCorasick, BytesAhoCorasick, Implementation

from backend.domain import UserError, visible
from backend.lexicon.entries import Anchor, Entry, Lexicon, MatchMode, Overlap
from backend.lexicon.finder import Hit
from backend.lexicon.folding import (
    DOTTED_I,
    EDGE,
    continues_word,
    fold_letters,
    fold_wide,
    fold_words,
    question_starts,
    starts_sentence,
    without_surrogates,
)

_WORD = re.compile(r"\w{1,40}")


class Matcher:
    """The compiled form of one lexicon. It takes milliseconds to make and has no mutable state: threads may share it.

    It is a `finder.CueFinder`.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        """Raises UserError where a form can't match: an exception covers it, or a question begins with a phrase."""
        self.lexicon = lexicon
        self._words = lexicon.mode is MatchMode.WORD
        owned = [(form, entry) for entry in lexicon.entries for form in entry.forms]
        spared = {exception: None for entry in lexicon.entries for exception in entry.exceptions}
        patterns = [form for form, _ in owned] + list(spared)
        self.forms: tuple[str, ...] = tuple(form for form, _ in owned)
        self.entry_of: tuple[Entry, ...] = tuple(entry for _, entry in owned)
        self._labels = [(entry.name, entry.group) for entry in self.entry_of]
        self._opening = frozenset(i for i, entry in enumerate(self.entry_of) if entry.at is Anchor.SENTENCE)
        # By their first word: these forms are the commonest words, which the automaton would find everywhere.
        self._asked = {form: i for i, form in enumerate(self.forms) if self.entry_of[i].at is Anchor.QUESTION}
        self._compile(patterns)
        self._refuse_unreachable()

    def _compile(self, patterns: list[str]) -> None:
        # Two automata: one over bytes for ASCII forms, which are nearly all, and one over str for the others. "?" is
        # what the bytes have for every character beyond Latin-1, so that a form with a real "?" goes to the second.
        found = [i for i, form in enumerate(patterns) if self._asked.get(form) != i]
        narrow = [i for i in found if patterns[i].isascii() and "?" not in patterns[i]]
        wide = [i for i in found if not (patterns[i].isascii() and "?" not in patterns[i])]
        self._narrow = BytesAhoCorasick([patterns[i].encode() for i in narrow], implementation=Implementation.DFA)
        self._wide = AhoCorasick([patterns[i] for i in wide], implementation=Implementation.DFA) if wide else None
        self._narrow_ids = None if narrow == list(range(len(narrow))) else narrow
        self._wide_ids = wide
        self._wide_always = any(patterns[i].isascii() for i in wide)
        self._wide_cased = any(patterns[i] != patterns[i].upper() for i in wide)
        self._exceptions = frozenset(range(len(self.forms), len(patterns)))
        self._edges = [(continues_word(form[0]), continues_word(form[-1])) for form in patterns]
        # Only a form that ends as it begins ("haha" in "hahaha") can overlap itself: the others need no look.
        overlapping = (
            i for i, form in enumerate(self.forms) if any(form.endswith(form[:k]) for k in range(1, len(form)))
        )
        self._bordered = frozenset(overlapping)
        # A form strictly inside another one ends before it but starts after it: only then do hits need sorting.
        inner = "\0".join(form[1:-1] for form in self.forms)
        self._nested = bool(self.forms and AhoCorasick(self.forms).find_matches_as_indexes(inner))

    def find(self, text: str) -> list[Hit]:
        """Every match in `text`, in order of start (then end)."""
        # This runs on every trace that arrives (tens of kB each): every step is skipped where it can't change anything.
        if DOTTED_I in text:
            return self._find_lowered(text)
        folded = fold_words(text) if self._words else fold_letters(text)
        hits = self._narrow.find_matches_as_indexes(folded, overlapping=True)
        if self._narrow_ids is not None:
            hits = [(self._narrow_ids[form], start, end) for form, start, end in hits]
        if self._wide is not None and (self._wide_always or not text.isascii()):
            hits = self._with_wide(hits, text)
        if hits and self._words:
            hits = [h for h in hits if not (EDGE[folded[h[1] - 1]] or EDGE[folded[h[2]]]) or self._whole(h, text)]
        if hits and self._opening:
            hits = [h for h in hits if h[0] not in self._opening or starts_sentence(text, h[1])]
        if self._asked and (asked := list(self._questions(text))):
            hits = sorted(hits + asked, key=lambda hit: (hit[2], hit[1]))
        if hits and self._exceptions:
            hits = self._without_exceptions(hits)
        return self._resolved(hits) if hits else hits

    def count(self, text: str) -> dict[str, int]:
        """Matches of each entry by name, zeros included."""
        counts = dict.fromkeys((entry.name for entry in self.lexicon.entries), 0)
        for form, _, _ in self.find(text):
            counts[self._labels[form][0]] += 1
        return counts

    def _find_lowered(self, text: str) -> list[Hit]:
        """`find` for text holding "İ", whose lower case is two characters: a match of one half takes in the whole."""
        places = [i for i, character in enumerate(text) if character == DOTTED_I]
        # Where the added dots stand in the lowered text: an offset moves back by the number of dots before it.
        dots = [place + extra + 1 for extra, place in enumerate(places)]
        hits = [
            (form, start - bisect_right(dots, start), end - bisect_right(dots, end - 1))
            for form, start, end in self.find(text.lower())
        ]
        if self.lexicon.overlap is Overlap.LONGEST:
            return _leftmost_longest(hits)
        return sorted(hits, key=lambda hit: (hit[1], hit[2]))

    def _with_wide(self, hits: list[Hit], text: str) -> list[Hit]:
        assert self._wide is not None
        haystack = fold_wide(text, words=self._words, cased=self._wide_cased)
        try:
            found = self._wide.find_matches_as_indexes(haystack, overlapping=True)
        # The automaton is written in Rust, whose strings hold no lone surrogate; they are too rare to look for first.
        except UnicodeEncodeError:
            found = self._wide.find_matches_as_indexes(without_surrogates(haystack), overlapping=True)
        if not found:
            return hits
        both = hits + [(self._wide_ids[form], start, end) for form, start, end in found]
        return sorted(both, key=lambda hit: (hit[2], hit[1]))

    def _whole(self, hit: Hit, text: str) -> bool:
        form, start, end = hit
        left, right = self._edges[form]
        if left and start > 0 and continues_word(text[start - 1]):
            return False
        return not (right and end < len(text) and continues_word(text[end]))

    def _questions(self, text: str) -> Iterator[Hit]:
        for start in question_starts(text):
            word = _WORD.match(text, start)
            if word and (form := self._asked.get(word[0].lower())) is not None:
                yield form, start, word.end()

    def _without_exceptions(self, hits: list[Hit]) -> list[Hit]:
        spared = [hit for hit in hits if hit[0] in self._exceptions]
        if not spared:
            return hits
        starts, ends = _merged(spared)
        kept = []
        for hit in hits:
            at = bisect_right(ends, hit[1])
            if at == len(starts) or starts[at] >= hit[2]:
                kept.append(hit)
        return kept

    def _resolved(self, hits: list[Hit]) -> list[Hit]:
        """`hits` (by end, then start) after the overlap rule, by start."""
        if self.lexicon.overlap is Overlap.LONGEST:
            return _leftmost_longest(hits)
        if self._bordered:
            hits = _each_for_itself(hits, self._bordered)
        return sorted(hits, key=lambda hit: (hit[1], hit[2])) if self._nested else hits

    def _refuse_unreachable(self) -> None:
        # A form that can't match is a slip of whoever wrote the list, and would silently count nothing for ever.
        if not (self._exceptions or self._asked):
            return
        for number, form in enumerate(self.forms):
            # A question mark, for the forms that need one.
            if not self.find(f"{form} ?"):
                raise UserError(
                    f"Lexicon {visible(self.lexicon.name)}, entry {visible(self.entry_of[number].name)}: form "
                    f"'{visible(form)}' can never match, because an exception covers it or part of it, or because a "
                    "question is told by one word."
                )


def _each_for_itself(hits: list[Hit], bordered: frozenset[int]) -> list[Hit]:
    """`hits` (by end) less those that overlap an earlier kept one of their own form."""
    free = dict.fromkeys(bordered, 0)
    dropped = set()
    for hit in [hit for hit in hits if hit[0] in bordered]:
        if hit[1] < free[hit[0]]:
            dropped.add(hit)
        else:
            free[hit[0]] = hit[2]
    return [hit for hit in hits if hit not in dropped] if dropped else hits


def _merged(hits: list[Hit]) -> tuple[list[int], list[int]]:
    """Starts and ends of the union of `hits`, each list ascending."""
    starts: list[int] = []
    ends: list[int] = []
    for _, start, end in sorted(hits, key=lambda hit: hit[1]):
        if ends and start < ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends


def _leftmost_longest(hits: list[Hit]) -> list[Hit]:
    # Mostly nothing overlaps, and then sorting is spared.
    if all(left[2] <= right[1] for left, right in pairwise(hits)):
        return hits
    kept: list[Hit] = []
    free = 0
    for hit in sorted(hits, key=lambda hit: (hit[1], -hit[2])):
        if hit[1] >= free:
            kept.append(hit)
            free = hit[2]
    return kept
