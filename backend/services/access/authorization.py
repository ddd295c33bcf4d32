"""Who asks for something, where that is not handed over: the gate before what deletes, costs or changes a store.

Owns the question "may they?". Pages say once who is at work in the session that asks (`watch`); on the command line and
in a worker nobody watches, and whoever started the process may do everything. Knows nothing of sessions or pages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from backend.annotation import Person, Role
from backend.domain import UserError, visible

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
Who = Callable[[], Person | None]

_WHO: list[Who] = [lambda: None]


def watch(who: Who) -> None:
    """From now on `who` is asked: it returns the person of the session that asks, None where there is no session."""
    _WHO[0] = who


def may(role: Role) -> bool:
    """Whether the person who asks has `role`, or one above it."""
    person = _WHO[0]()
    return person is None or person.role.covers(role)


def needs(role: Role) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """A method that only people of `role` may call: others get a UserError, and nothing happens."""

    def guard(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        @wraps(method)
        def guarded(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
            person = _WHO[0]()
            if person is not None and not person.role.covers(role):
                who = visible(person.name, 60) or "A visitor without a name"
                raise UserError(f"{who} has the role {person.role}, and this takes {role}. Ask an admin for it.")
            return method(self, *args, **kwargs)

        return guarded

    return guard
