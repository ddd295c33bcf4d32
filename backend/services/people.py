"""People and what they may do: the gate every use case of annotating asks.

Owns who gets which role at first, who may change it, and the sentence for somebody it doesn't cover. Knows nothing of
how anybody signs in: pages say who it is.
"""

from __future__ import annotations

from backend.annotation import Person, Role
from backend.config import Settings
from backend.store import Store


class PeopleService:
    """The people of one store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """`settings` says what a new local name may do and whose e-mail address makes an admin."""
        self._store = store

    def local(self, name: str) -> Person:
        """Enter or find the person of a typed-in name; letter case and spaces at its ends don't count."""
        raise NotImplementedError

    def signed_in(self, issuer: str, subject: str, name: str, email: str = "") -> Person:
        """Enter or find somebody an issuer vouches for. Pass `email` only where the issuer has verified it.

        New ones are viewers; an address that `SECOND_THOUGHTS_ADMINS` lists makes an admin, at every sign-in.
        """
        raise NotImplementedError

    def get(self, person_id: str) -> Person:
        """One person. Raises UserError where there is none."""
        raise NotImplementedError

    def all(self) -> list[Person]:
        """Everybody, by name."""
        raise NotImplementedError

    def set_role(self, actor: str, person_id: str, role: Role) -> Person:
        """Give somebody a role. For admins; the last one can't be made less."""
        raise NotImplementedError

    def require(self, actor: str, role: Role) -> Person:
        """The person, if their role covers `role`. Raises UserError with what to do where it doesn't."""
        raise NotImplementedError
