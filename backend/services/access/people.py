"""People and their roles: entering a person, giving a role, requiring one.

Owns who gets which role at first, who may change it, and the sentence for somebody whose role isn't enough. Pages
authenticate; what arrives here is a name, or what an issuer vouches for.
"""

import re
from contextlib import suppress
from typing import Final

from backend.annotation import Person, Role
from backend.config import Settings
from backend.domain import UserError, digest, visible
from backend.services.access.display_names import NAME, comparable, one_line
from backend.store import Store

# Sources of people who didn't sign in: a typed-in name, and an annotator named in an imported file.
LOCAL: Final = "local"
IMPORTED: Final = "imported"
_ID = re.compile("[0-9a-f]{1,32}")
_MAY: Final = {
    Role.VIEWER: "read",
    Role.ANNOTATOR: "label",
    Role.ADJUDICATOR: "adjudicate",
    Role.ADMIN: "manage projects and people",
}


class PeopleService:
    """The people of one store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """`settings` says what a new local name may do and whose e-mail address makes an admin."""
        self._store = store
        if settings.local_role not in list(Role):
            raise UserError(
                f"The setting SECOND_THOUGHTS_LOCAL_ROLE is '{visible(settings.local_role, 60)}', but has to be one of "
                f"{', '.join(Role)}."
            )
        self._local_role = Role(settings.local_role)
        self._admins = frozenset(email.casefold() for email in settings.admins)

    def local(self, name: str) -> Person:
        """The person of a typed-in name, entered if new; letter case and spaces don't count."""
        shown = one_line("Your name", name)
        subject = comparable(shown)
        return self._store.people.find(LOCAL, subject) or self._store.people.enter(
            person_of(LOCAL, subject, shown, self._local_role), subject
        )

    def signed_in(self, issuer: str, subject: str, name: str, email: str = "") -> Person:
        """The person an issuer vouches for, entered if new. Pass `email` only where the issuer has verified it.

        New ones are viewers; an address that `SECOND_THOUGHTS_ADMINS` lists makes an admin, at every sign-in.
        """
        # An issuer called like one of our own sources could sign in as any local person.
        if not issuer.strip() or not subject.strip() or issuer in (LOCAL, IMPORTED):
            raise UserError("The sign-in names no issuer or no subject, so that nobody can be told apart by it.")
        source, subject = one_line("The issuer", issuer, 300), one_line("The subject of the sign-in", subject, 300)
        email = one_line("The e-mail address", email, 300) if email.strip() else ""
        shown = _first_plain(name, email, subject)
        known = self._store.people.find(source, subject)
        least = Role.ADMIN if email.casefold() in self._admins else Role.VIEWER
        if known is None:
            return self._store.people.enter(person_of(source, subject, shown, least, email), subject)
        # What an admin gave stays: a sign-in only ever raises a role.
        role = known.role if known.role.covers(least) else least
        if (known.name, known.email, known.role) != (shown, email, role):
            self._store.people.change(known.id, shown, email, role)
        return self.get(known.id)

    def get(self, person_id: str) -> Person:
        """One person. Raises UserError where there is none."""
        return known(self._store.people.get(plausible(person_id)), person_id)

    def all(self) -> list[Person]:
        """Everybody, by name."""
        return self._store.people.all()

    def set_role(self, actor: str, person_id: str, role: Role) -> Person:
        """Give somebody a role. For admins; the last admin stays one."""
        self.require(actor, Role.ADMIN)
        person = self.get(person_id)
        # Their labels are somebody's of another team: nobody can prove to be them.
        if person.source == IMPORTED:
            raise UserError(f"{visible(person.name, 60)} came with imported labels and can't sign in: no role matters.")
        if not self._store.people.set_role(person.id, role):
            raise UserError(f"{visible(person.name, 60)} is the only admin left: make somebody else one first.")
        return self.get(person.id)

    def require(self, actor: str, role: Role) -> Person:
        """The person called `actor`. Raises UserError, saying what to do, where their role doesn't cover `role`."""
        return allowed(self.get(actor), role)


def plausible(person_id: str) -> str:
    """`person_id` itself. Raises UserError where it can't be anybody's."""
    return person_id if _ID.fullmatch(person_id) else known(None, person_id).id


def known(person: Person | None, person_id: str) -> Person:
    """`person` itself. Raises UserError for None: nobody has that id."""
    if person is None:
        raise UserError(f"There is nobody here of the id '{visible(person_id, 40)}': say who you are first.")
    return person


def allowed(person: Person, role: Role) -> Person:
    """`person` itself. Raises UserError where their role doesn't cover `role`."""
    if not person.role.covers(role):
        raise UserError(
            f"{visible(person.name, 60)} is {_with_article(person.role)} and may not {_MAY[role]}: "
            f"that takes {_with_article(role)}. Ask an admin for the role."
        )
    return person


def person_of(source: str, subject: str, name: str, role: Role, email: str = "") -> Person:
    """A new person; the id follows from source and subject, so that two processes enter the same one."""
    return Person(digest("person", source, subject), name, role, source, email)


def _first_plain(*names: str) -> str:
    """The first of these that can be shown, cut to the length of a name."""
    for name in names:
        with suppress(UserError):
            return one_line("The name", name.strip()[:NAME])
    return "somebody"


def _with_article(role: Role) -> str:
    return f"an {role}" if role.value[0] in "aeiou" else f"a {role}"
