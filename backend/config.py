"""Settings of the app, read once from environment variables.

Owns the name, default and meaning of every setting.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from backend.domain import UserError, visible

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and how much of the machine to use."""

    store: Path = field(default=ROOT / "data" / "store")
    ledger_url: str = ""  # "": a SQLite file inside `store`
    lexicons: Path = field(default=ROOT / "data" / "lexicons")
    lab: Path = field(default=ROOT / "data" / "lab")
    worker: str = "auto"
    demo: str = "auto"
    # One by default: the worker shares the cores with the app, and small models gain nothing from more.
    engine_threads: int = 1
    vllm_url: str = ""
    vllm_python: str = ""
    threads: int = 2
    memory_mb: int = 2048
    graders: int = 2
    # On one's own laptop nobody else is there to be asked; a team sets this to viewer or annotator.
    local_role: str = "admin"
    admins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()  # beside the loopback names
    open_access: str = "off"
    query_seconds: int = 30
    roots: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    logs: str = "text"
    # The address that an app listens on ("": all of the machine's), None on the command line and in a worker. No
    # variable: whoever builds the services of an app says so, and then `roots` bound what its pages may read.
    served_at: str | None = None
    # Twice what the largest JSON file takes that may be read whole.
    read_mb: int = 2048
    read_seconds: int = 60
    uploads_mb: int = 8000


# Variable -> (field, what it is). The README lists them all, which a test checks.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "SECOND_THOUGHTS_STORE": ("store", "folder of the store"),
    "SECOND_THOUGHTS_LEDGER": ("ledger_url", "SQLAlchemy URL of the ledger"),
    "SECOND_THOUGHTS_LEXICONS": ("lexicons", "folder of lexicon files"),
    "SECOND_THOUGHTS_LAB": ("lab", "folder of the shipped models and the demo store"),
    "SECOND_THOUGHTS_WORKER": ("worker", "`off`: the app starts no worker"),
    "SECOND_THOUGHTS_DEMO": ("demo", "`off`: the app's first start brings no demo runs"),
    "SECOND_THOUGHTS_ENGINE_THREADS": ("engine_threads", "threads an engine on the CPU may use"),
    "SECOND_THOUGHTS_VLLM_URL": ("vllm_url", "address of a vLLM server that runs already"),
    "SECOND_THOUGHTS_VLLM_PYTHON": ("vllm_python", "Python of an environment that holds vLLM"),
    "SECOND_THOUGHTS_THREADS": ("threads", "threads a query may use"),
    "SECOND_THOUGHTS_MEMORY_MB": ("memory_mb", "memory a query may use, in MB"),
    "SECOND_THOUGHTS_GRADERS": ("graders", "processes that grade answers"),
    "SECOND_THOUGHTS_LOCAL_ROLE": ("local_role", "role of a new name that was typed in, not signed in"),
    "SECOND_THOUGHTS_ADMINS": ("admins", "e-mail addresses of admins who sign in, separated by commas"),
    "SECOND_THOUGHTS_HOSTS": ("hosts", "names by which a proxy or a network reaches the app, separated by commas"),
    "SECOND_THOUGHTS_OPEN": ("open_access", "`on`: the app may listen beyond loopback though nobody signs in"),
    "SECOND_THOUGHTS_QUERY_SECONDS": ("query_seconds", "seconds after which a query is stopped"),
    "SECOND_THOUGHTS_ROOTS": ("roots", "folders of this machine that pages may read by path, separated by commas"),
    "SECOND_THOUGHTS_KEYS": ("keys", "variables that may hold the key of an endpoint, separated by commas"),
    "SECOND_THOUGHTS_READ_MB": ("read_mb", "memory that looking at a file, or importing it, may take, in MB"),
    "SECOND_THOUGHTS_READ_SECONDS": ("read_seconds", "seconds that looking at one file may take"),
    "SECOND_THOUGHTS_UPLOADS_MB": ("uploads_mb", "MB that all uploads may fill; those of one tab half of it"),
    "SECOND_THOUGHTS_FORMATS": ("formats", "folders of your own trace formats, separated by commas"),
    "SECOND_THOUGHTS_LOGS": ("logs", "`json`: log lines are JSON objects"),
}

# Of each other number: 1,024.
_MOST = {
    **dict.fromkeys(("memory_mb", "read_mb", "uploads_mb"), 100_000_000),
    **dict.fromkeys(("query_seconds", "read_seconds"), 86_400),
    "graders": 256,
}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # two letters or more: C:/ is a folder


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in `environ` (default: the process's environment). Raises UserError for a value that can't be."""
    env = os.environ if environ is None else environ
    defaults = Settings()
    values: dict[str, object] = {}
    for name, (key, _) in VARIABLES.items():
        # Set to nothing is the same as not set: that is how shells and compose files switch a variable off.
        if raw := env.get(name, "").strip():
            values[key] = _convert(name, raw, getattr(defaults, key))
    return Settings(**values)  # type: ignore[arg-type]


def environment(settings: Settings) -> dict[str, str]:
    """The variables that `load` makes these settings of."""
    values = {name: getattr(settings, key) for name, (key, _) in VARIABLES.items()}
    return {name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in values.items()}


def folder(raw: str, name: str) -> Path:
    """The folder that the setting `name` gives. Raises UserError for an address, and for a home that isn't there."""
    # Taken for a path, "s3://bucket" would make a folder "s3:" wherever the app was started.
    if _ADDRESS.match(raw):
        raise UserError(
            f"{name} is the address {visible(raw, 120)!r}, but has to be a folder of this machine: object stores and "
            "other addresses can't be used. Mount it, and name the folder."
        )
    try:
        return Path(raw).expanduser().resolve()
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(f"{name} is {visible(raw, 120)!r}, which can't be a folder ({error}).") from error


def is_loopback(name: str) -> bool:
    """Whether a host's name or address is this machine's loopback and nothing else."""
    try:
        address = ip_address(name)
    except ValueError:
        # The one name that nobody's DNS may answer otherwise. Other names of 127.0.0.1 are what an attacker would use.
        return name == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _convert(name: str, raw: str, default: object) -> object:
    # The kind of a setting is that of its default.
    if isinstance(default, Path):
        return folder(raw, f"The setting {name}")
    if isinstance(default, int):
        most = _MOST.get(VARIABLES[name][0], 1_024)
        if not (raw.isdecimal() and len(raw) < 20 and 1 <= int(raw) <= most):
            raise UserError(
                f"The setting {name} is {visible(raw, 60)!r}, but has to be a whole number from 1 to {most:,}."
            )
        return int(raw)
    if isinstance(default, tuple):
        parts = raw.replace(os.pathsep, ",") if name == "SECOND_THOUGHTS_ROOTS" else raw
        return tuple(part.strip() for part in parts.split(",") if part.strip())
    return raw
