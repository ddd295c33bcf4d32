"""The gate every page stands behind.

Owns the answer to "who is this?". Nobody signs in yet: the app listens on loopback alone and says so. Each page
asks as well as the shell, so that no page can ever be reached around it.
"""

LOCAL = "Local · not signed in"


def require_person() -> str:
    """Who is at work, as the sidebar says it."""
    return LOCAL
