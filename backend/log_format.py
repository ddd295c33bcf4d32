"""The format of log lines, the app's and a worker's alike: time, level, component, job and request, message."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType

from backend.domain import visible

_about: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def log_about(**ids: str) -> Iterator[None]:
    """Have the lines that are logged in a block name what they are about, such as job="…" or request="…"."""
    token = _about.set({**_about.get(), **ids})
    try:
        yield
    finally:
        _about.reset(token)


class LineFormat(logging.Formatter):
    """One line a message, as text or as a JSON object; a traceback follows on lines of its own, or in "error"."""

    def __init__(self, as_json: bool) -> None:
        """`as_json`: every line is an object."""
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        facts = {"time": at, "level": record.levelname.lower(), "component": record.name.removeprefix("backend.")}
        message, error = record.getMessage(), self.formatException(record.exc_info) if record.exc_info else ""
        if self._as_json:
            more = {"message": message} | ({"error": error} if error else {})
            return json.dumps({**facts, **_about.get(), **more}, ensure_ascii=False)
        ids = [f"{name}={visible(value, 80)}" for name, value in _about.get().items()]
        # A message may quote what came from outside: it can't begin a line of its own.
        line = " ".join([*facts.values(), *ids, visible(message, 2_000)])
        return f"{line}\n{error}" if error else line


def configure_logging(form: str) -> None:
    """Write log lines to standard error, as JSON objects where `form` is "json"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormat(form == "json"))
    logging.basicConfig(handlers=[handler])
