"""Reading traces and problem sets that other programs wrote.

`scan` looks and proposes, `read` streams drafts, `preview` shows the first rows, `with_mapping` takes
any table by its columns. Readers alone: no database, no grading, no matching of cues.
"""

from .mapped import columns_of, guess_mapping
from .plan import Draft, Kind, Mapping, Overrides, Plan, Preview, Shape, Skipped, Source, SourceFile
from .read import preview, read
from .scan import peek, scan, with_mapping

__all__ = [
    "Draft",
    "Kind",
    "Mapping",
    "Overrides",
    "Plan",
    "Preview",
    "Shape",
    "Skipped",
    "Source",
    "SourceFile",
    "columns_of",
    "guess_mapping",
    "peek",
    "preview",
    "read",
    "scan",
    "with_mapping",
]
