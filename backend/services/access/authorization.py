"""Authorization of what deletes, costs or changes something: `needs(role)` guards a method.

Pages register once how to find the person of the session that calls (`watch`).
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from backend.annotation import Person, Role
from backend.domain import UserError, visible

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
Who = Callable[[], Person | None]

# On the command line and in a worker nobody registers, and whoever started the process may do everything. A list,
# because a guard is made when its class is, before any page could register.
_WHO: list[Who] = [lambda: None]


def watch(who: Who) -> None:
    """Register how the calling person is found: `who` returns None where there is no session."""
    _WHO[0] = who


def may(role: Role) -> bool:
    """Whether the calling person has `role`, or one above it."""
    person = _WHO[0]()
    return person is None or person.role.covers(role)


def needs(role: Role) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """A decorator for methods that only people of `role` may call: others get a UserError, and nothing happens."""

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
