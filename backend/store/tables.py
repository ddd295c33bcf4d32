"""The ledger's tables as SQLAlchemy Core describes them: runs, problems, parts, models, jobs, trainings.

What is here is created by migrations (see there before changing anything). The columns of Parquet parts are in `parts`,
the tables of people and annotations in `annotation_tables`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    TypeDecorator,
)
from sqlalchemy import Text as PlainText

metadata = MetaData()

# Times are ISO 8601 in UTC, to the second, as text: SQLite has no type for them, and they sort as they are.


class Text(TypeDecorator[str]):
    """Text of any code points; PostgreSQL, which can't hold NUL, gets the symbol for it (U+2400) instead."""

    impl = PlainText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The value that is sent to the database."""
        return value.replace("\0", "\u2400") if value and dialect.name == "postgresql" else value


# A run is immutable once complete. `id` is a hash of what makes it the same run, so that two imports of a file meet;
# `planned` is how many traces one that lacks some should have had, `losses` why it lacks them; `rules` by which rules
# its traces were read (RULES).
runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("model", Text, nullable=False),
    Column("parent", Text),
    Column("variant", Text),
    Column("dataset", Text, nullable=False),
    Column("context", String(40), nullable=False),
    Column("sampling", JSON, nullable=False),
    Column("format", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("tokenizer", Text),
    Column("note", Text, nullable=False),
    Column("model_id", String(32)),
    Column("job", String(32)),
    Column("planned", Integer),
    Column("losses", JSON),
    Column("series", Text),
    Column("step", Integer),
    Column("metrics", JSON),
    Column("length_unit", String(10), nullable=False),
    Column("problems", Integer, nullable=False),
    Column("traces", Integer, nullable=False),
    Column("created", String(40), nullable=False),
    Column("rules", Integer, nullable=False, server_default="1"),
)

sources = Table(
    "sources",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("file", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    PrimaryKeyConstraint("run_id", "file"),
    Index("sources_sha256", "sha256"),
)

# `id` is the hash of a problem's content: runs of other files and models join on it.
problems = Table(
    "problems",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("question", Text, nullable=False),
    Column("gold", Text),
)

run_problems = Table(
    "run_problems",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("problem_id", ForeignKey("problems.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    PrimaryKeyConstraint("run_id", "problem_id"),
    Index("run_problems_problem", "problem_id"),
)

problem_sets = Table(
    "problem_sets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("problems", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("created", String(40), nullable=False),
)

set_problems = Table(
    "set_problems",
    metadata,
    Column("set_id", ForeignKey("problem_sets.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("problem_id", ForeignKey("problems.id"), nullable=False),
    Column("extra", JSON, nullable=False),
    PrimaryKeyConstraint("set_id", "ordinal"),
    Index("set_problems_problem", "problem_id"),
)

# Registered Parquet files, relative to the store's folder. Readers take the list from here, never from a glob, which
# would find files that are half written.
parts = Table(
    "parts",
    metadata,
    Column("path", String(200), primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64)),  # of the file; unknown where an earlier release stored it
    Column("damage", String(40)),  # what a verification found wrong with the file
    Index("parts_run", "run_id"),
)

# Every lexicon any stored cue was found with, whole: figures can be explained after its file has changed.
lexicons = Table(
    "lexicons",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("content", JSON, nullable=False),
    Column("created", String(40), nullable=False),
)

run_lexicons = Table(
    "run_lexicons",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("lexicon_id", ForeignKey("lexicons.id"), nullable=False),
    PrimaryKeyConstraint("run_id", "lexicon_id"),
)

# Lexicons and detectors made in the app. `kind` is "list" or "learned"; `retired` is the time it was retired, "" while
# it is in use.
own_lexicons = Table(
    "own_lexicons",
    metadata,
    Column("name", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("id", String(120), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("content", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("person", String(32), nullable=False),
    Column("created", String(40), nullable=False),
    Column("retired", String(40), nullable=False),
    PrimaryKeyConstraint("name", "version"),
    Index("own_lexicons_id", "id"),
)

# What a watch reads again and again: `place` is a hash of a file's path, its format and the part of it that became the
# run, `content` the identity that an import of the same bytes would have. A run of several files has a row for each.
watched = Table(
    "watched",
    metadata,
    Column("place", String(32), primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("content", String(32), nullable=False),
    Index("watched_content", "content"),
    Index("watched_run", "run_id"),
)

# One row that counts writes, so that caches in every process can be keyed by the state they saw.
# `store_id` binds the ledger to its folder, NULL until one is; with `secret` every app of a store signs and knows its
# tokens.
state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("store_id", String(32)),
    Column("secret", String(64)),
)

models = Table(
    "models",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("location", Text, nullable=False),
    Column("base", String(32)),
    Column("parent", String(32)),
    Column("job", String(32)),
    Column("note", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created", String(40), nullable=False),
)

# A trace that continues another: `at` is the code point of the parent's text where it leaves, `inserted` the words put
# in there.
forks = Table(
    "forks",
    metadata,
    Column("child", String(60), primary_key=True),
    Column("parent", String(60), nullable=False),
    Column("at", Integer, nullable=False),
    Column("inserted", Text, nullable=False),
    Index("forks_parent", "parent"),
)

# `spec` is what was asked for; `done` of `total` and `rate` are what the jobs page shows; `ordinal` is the order of the
# queue, since jobs queued within one second have the same `created`.
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("lane", String(20), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created", String(40), nullable=False),
    Column("started", String(40)),
    Column("ended", String(40)),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("unit", String(20), nullable=False),
    Column("rate", Float),
    Column("message", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("result", JSON, nullable=False),
    Column("retry_of", String(32)),
    Column("worker", String(60)),
    Column("holder", String(32)),
    Column("ordinal", Integer, nullable=False),
    Index("jobs_state", "state"),
)

job_lines = Table(
    "job_lines",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", String(40), nullable=False),
    Column("level", String(10), nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("job_id", "seq"),
)

# The events of a job while it works, in order: a page that opens late replays them from the start.
stream = Table(
    "stream",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("payload", JSON, nullable=False),
    PrimaryKeyConstraint("job_id", "seq"),
)

# Finished traces of a run that isn't complete yet. A job's step may run twice: the key admits a trace once.
inbox = Table(
    "inbox",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("arm", Integer, nullable=False),
    Column("problem", Integer, nullable=False),
    Column("sample", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    PrimaryKeyConstraint("job_id", "arm", "problem", "sample"),
)

# A worker at work. `token` is new at each start, so that a name can't be borne twice; `beat` is on `Jobs.clock`.
workers = Table(
    "workers",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("token", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("device", String(60), nullable=False),
    Column("lanes", String(60), nullable=False),
    Column("started", String(40), nullable=False),
    Column("beat", Float, nullable=False),
)

# A training, running or finished. `outcome` is how its last process ended, "" before any has; `wish` is what a person
# asked of a running one ("pause"); `part` names the part of a reproduction recipe it belongs to.
trainings = Table(
    "trainings",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("model", String(32), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("job", String(32)),
    Column("part", String(80), nullable=False),
    Column("wish", String(20), nullable=False),
    Column("created", String(40), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Index("trainings_part", "part"),
)

training_steps = Table(
    "training_steps",
    metadata,
    Column("training_id", ForeignKey("trainings.id", ondelete="CASCADE"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("figures", JSON, nullable=False),
    PrimaryKeyConstraint("training_id", "step"),
)

# Responses of a step, apart from its figures: curves are read often and need none of these long texts.
training_rollouts = Table(
    "training_rollouts",
    metadata,
    Column("training_id", ForeignKey("trainings.id", ondelete="CASCADE"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("sampled", JSON, nullable=False),
    Column("watched", JSON, nullable=False),
    Column("watches", Integer, nullable=False),
    PrimaryKeyConstraint("training_id", "step"),
)

# A problem set answered at a step: `run` has the traces, `figures` what was measured on them.
evaluations = Table(
    "evaluations",
    metadata,
    Column("training_id", ForeignKey("trainings.id", ondelete="CASCADE"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("name", String(200), nullable=False),
    Column("context", String(40), nullable=False),
    Column("run", String(32), nullable=False),
    Column("figures", JSON, nullable=False),
    PrimaryKeyConstraint("training_id", "step", "name", "context"),
)
