"""Addresses of OpenAI-compatible servers as people type them, and the keys for them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from backend.domain import UserError, visible


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


def key_of(variable: str, environ: Mapping[str, str], address: str) -> str:
    """The key in the environment `variable`, "" where none is named. Raises UserError where the variable isn't set."""
    key = environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise UserError(
            f"The environment variable {visible(variable, 60)}, which holds the key for {address}, is not set:"
            " set it and start the application anew."
        )
    return key
