"""What tests of the store share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.config import Settings
from backend.store import Store


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """A new, empty store."""
    opened = Store(settings)
    yield opened
    opened.close()
