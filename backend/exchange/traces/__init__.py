"""Reading traces and problem sets that other programs wrote: scanning, mapping columns, streaming drafts."""
