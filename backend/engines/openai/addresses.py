"""Addresses of OpenAI-compatible servers as people type them, and the keys for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from backend.domain import UserError, visible

_PREFIX: Final = "SECOND_THOUGHTS_KEY_"
_OPENAI: Final = "api.openai.com"


def api_address(location: str) -> str:
    """The base address of a server's API: `http://host:8000` becomes `http://host:8000/v1`.

    Raises UserError for anything but http and https, and for an address with a user name or password.
    """
    try:
        parts = urlsplit(location.strip())
        # urlsplit takes any port, and complains only when it is read.
        port_is_number = parts.port is None or parts.port >= 0
    except ValueError:
        port_is_number = False
    if not port_is_number or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            f"{visible(location, 120)!r} is no address of a server: write http://host:port/v1 or https://…."
        )
    # Addresses are stored, shown and written to logs; a key in one would be there too.
    if parts.username or parts.password:
        raise UserError(
            f"The address of {parts.hostname} holds a user name or password: leave it out, put the key into an"
            " environment variable and name that variable."
        )
    # People paste the whole address of a request as often as the base of it.
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/completions")
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def check_variable(variable: str, environ: Mapping[str, str], address: str) -> None:
    """Raise UserError for an environment variable that isn't meant to hold a key, or not one for `address`."""
    # Else whoever enters an address could have any secret of the machine, such as a database's password, sent there.
    host = urlsplit(address).hostname or ""
    openai = address.startswith("https:") and (host == _OPENAI or host.endswith(f".{_OPENAI}"))
    listed = {name.strip() for name in environ.get("SECOND_THOUGHTS_KEYS", "").split(",")}
    if variable in listed or variable.startswith(_PREFIX) or (variable == "OPENAI_API_KEY" and openai):
        return
    raise UserError(
        f"The environment variable {visible(variable, 60)} is not sent to {address}: only variables that the setting "
        f"SECOND_THOUGHTS_KEYS lists, or whose names begin with {_PREFIX}, hold keys of servers (and OPENAI_API_KEY, "
        f"for https://{_OPENAI}). List it there, and start the application and its workers anew."
    )


def key_of(variable: str, environ: Mapping[str, str], address: str) -> str:
    """The key in the environment `variable`, "" where none is named.

    Raises UserError as `check_variable` does, and where the variable isn't set or can't be sent.
    """
    if not variable:
        return ""
    check_variable(variable, environ, address)
    key, which = environ.get(variable, "").strip(), f"The environment variable {visible(variable, 60)}, which holds"
    if not key:
        raise UserError(f"{which} the key for {address}, is not set: set it and start the application anew.")
    # What no header can carry fails inside a library, whose message quotes the key.
    if not (key.isascii() and key.isprintable()):
        raise UserError(f"{which} the key for {address}, has signs in it that no key has. Copy it anew.")
    return key
