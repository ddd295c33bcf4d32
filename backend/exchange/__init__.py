"""Reading traces and problem sets that other programs wrote.

`scan` looks and proposes, `read` streams drafts, `preview` shows the first rows, `with_mapping` takes
any table by its columns. Readers alone: no database, no grading, no matching of cues.
"""
