"""Who is at work on the command line: the person that `--as` names, else the login of whoever calls."""

import argparse
import getpass

from backend.annotation import Person
from backend.domain import UserError, visible
from backend.services import Services


def add_actor(sub: argparse.ArgumentParser) -> None:
    """Add the option that names who is at work."""
    sub.add_argument("--as", dest="who", default="", metavar="NAME", help="who is at work (default: your login)")


def actor_of(services: Services, options: argparse.Namespace) -> Person:
    """The person of that id, name or e-mail address; without one, the login, entered where it is new.

    Raises UserError where nobody or more than one person is called so.
    """
    who = options.who
    if not who:
        try:
            return services.people.local(getpass.getuser())
        except (OSError, KeyError, ImportError):  # no such user on this machine, as in some containers
            return services.people.local("command line")
    found = [person for person in services.people.all() if who in (person.id, person.name, person.email)]
    if len(found) != 1:
        how = "nobody" if not found else f"{len(found)} people"
        raise UserError(f"There is {how} called '{visible(who, 60)}' here: give a name, an e-mail address or an id.")
    return found[0]
