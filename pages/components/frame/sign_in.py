"""Signing in as Streamlit's secrets configure it (`[auth]`): whether people do here, and whether this browser has.

Owns also the signatures of the tokens by which our own routes know a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from itsdangerous import URLSafeTimedSerializer
from streamlit import config
from streamlit.auth_util import get_origin_from_redirect_uri
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import (
    _get_signed_cookie_with_chunks,
    _parse_decoded_user_cookie,
)


def signs_in() -> bool:
    """Whether people sign in here, rather than type a name."""
    return _section() is not None


def sign_in_fault() -> str:
    """What is wrong with the configuration of signing in, as a clause; "" where nothing is."""
    section = _section()
    if not isinstance(section, Mapping):
        return "Streamlit's secrets.toml can't be read, or its [auth] is no section"
    return "" if section.get("cookie_secret") else "[auth] in secrets.toml lacks a cookie_secret"


def _section() -> object:
    """The section `[auth]`, None where there is none. Secrets that can't be read may well have held one: nobody becomes
    an admin by a slip in that file.
    """
    try:
        # st.secrets would show an error of its own on the page where there is no secrets.toml.
        if secrets_singleton.load_if_toml_exists():
            return secrets_singleton.get("auth")
        unreadable = any(Path(path).exists() for path in config.get_option("secrets.files"))
    except OSError:
        unreadable = True
    return "unreadable" if unreadable else None


def signed_in(cookies: Mapping[str, str]) -> bool:
    """Whether these cookies hold a sign-in that Streamlit itself would take."""
    if sign_in_fault():
        return False
    try:
        held = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
        return bool(held and _parse_decoded_user_cookie(held, get_origin_from_redirect_uri() or "").get("is_logged_in"))
    except (ValueError, TypeError, AttributeError):  # what a cookie of no form at all makes of the decoder
        return False


def token_signer(salt: str) -> URLSafeTimedSerializer:
    """What signs the tokens of one route and knows them again, in every app of the store and after a restart.

    Raises UserError where the store can't be opened.
    """
    from pages.components.frame.session import services  # noqa: PLC0415 - its caches need the runtime, which starts later

    return URLSafeTimedSerializer(services().store.ledger.secret(), salt=salt)
