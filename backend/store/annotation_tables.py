"""The ledger's tables of people, annotation projects and labels, as SQLAlchemy Core describes them.

They are in the same database as those of `tables`, and created by migrations too.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from backend.store.tables import Text, metadata

# Who works here. `source` is the issuer of a sign-in, or that a name was typed in; `subject` identifies the person
# there: the issuer's identifier, or the name made comparable.
people = Table(
    "people",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", String(20), nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("created", String(40), nullable=False),
    UniqueConstraint("source", "subject"),
)

# Texts that are annotated, by the hash of their content: they outlive the runs they came from.
texts = Table(
    "texts",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("sections", JSON, nullable=False),
)

# One row that counts changes of people and of the list of projects; `projects.version` counts those within a project.
# Apart from `state`: an hour of labelling would else empty the caches of every page about runs.
annotation_state = Table(
    "annotation_state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("lexicon", String(120), nullable=False),
    Column("annotators", Integer, nullable=False),
    Column("blind_share", Float, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("scheme_version", Integer, nullable=False),
    Column("guidelines_version", Integer, nullable=False),
    Column("sampling", JSON, nullable=False),
    Column("owner", String(32), nullable=False),
    Column("created", String(40), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("version", Integer, nullable=False),
)

# Versions are added, never changed: a label names the scheme and the guidelines it was made under.
project_schemes = Table(
    "project_schemes",
    metadata,
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("scheme", JSON, nullable=False),
    Column("person", String(32), nullable=False),
    Column("created", String(40), nullable=False),
    PrimaryKeyConstraint("project_id", "version"),
)

project_guidelines = Table(
    "project_guidelines",
    metadata,
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("person", String(32), nullable=False),
    Column("created", String(40), nullable=False),
    PrimaryKeyConstraint("project_id", "version"),
)

# A stretch [start, end) of a text, in code points, to be annotated. `settled` is the id of the adjudicator who has
# finished with it, "" while nobody has.
items = Table(
    "items",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("text_sha256", ForeignKey("texts.sha256"), nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("blind", Boolean, nullable=False),
    Column("trace", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("stratum", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("priority", Float, nullable=False),
    Column("settled", String(32), nullable=False),
    Index("items_project", "project_id", "ordinal"),
    Index("items_text", "text_sha256"),
)

# Who took an item, and how they left it; `turn` counts the items they took in the project, `place` is where in the text
# they were.
assignments = Table(
    "assignments",
    metadata,
    Column("item_id", ForeignKey("items.id", ondelete="CASCADE"), nullable=False),
    Column("person", String(32), nullable=False),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("place", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("note", Text, nullable=False),
    Column("opened", String(40), nullable=False),
    Column("changed", String(40), nullable=False),
    PrimaryKeyConstraint("item_id", "person"),
    Index("assignments_person", "project_id", "person"),
)

# The log of labels: rows are added, never changed. `id` is made by the browser, so that a row sent twice is stored
# once; `seq` is never used twice, even after a project was deleted.
labels = Table(
    "labels",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False),
    Column("root", String(64), nullable=False),
    Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("item_id", ForeignKey("items.id", ondelete="CASCADE"), nullable=False),
    Column("person", String(32), nullable=False),
    Column("layer", String(10), nullable=False),
    Column("op", String(10), nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("quote", Text, nullable=False),
    Column("text_sha256", String(64), nullable=False),
    Column("label", String(40), nullable=False),
    Column("flag", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("how", String(20), nullable=False),
    Column("machine", JSON(none_as_null=True)),
    Column("reason", String(40), nullable=False),
    Column("scheme_version", Integer, nullable=False),
    Column("guidelines_version", Integer, nullable=False),
    Column("at", String(40), nullable=False),
    Column("received", String(40), nullable=False),
    UniqueConstraint("project_id", "id"),
    Index("labels_root", "project_id", "root", "seq"),
    Index("labels_item", "item_id", "layer", "person"),
    sqlite_autoincrement=True,
)
