"""Addresses of OpenAI-compatible servers, as people type them.

Owns which addresses are taken and how they are completed. Knows nothing of what answers there.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from backend.domain import UserError, visible


def api_address(location: str) -> str:
    """The address below which `/chat/completions` lies: `http://host:8000` becomes `http://host:8000/v1`.

    Raises UserError for anything but http and https, and for an address that carries a password.
    """
    try:
        parts = urlsplit(location.strip())
        port_is_number = parts.port is None or parts.port >= 0
    except ValueError:
        port_is_number = False
    if not port_is_number or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            f"{visible(location, 120)!r} is no address of a server: write http://host:port/v1 or https://…."
        )
    if parts.username or parts.password:
        raise UserError(
            f"The address of {parts.hostname} holds a user name or password: leave it out, put the key into an"
            " environment variable and name that variable."
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/completions")
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def key_of(variable: str, environ: Mapping[str, str], address: str) -> str:
    """The key that the environment `variable` holds ("" where none is named). Raises UserError where it's not set."""
    key = environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise UserError(
            f"The environment variable {visible(variable, 60)}, which holds the key for {address}, is not set:"
            " set it and start the application anew."
        )
    return key
