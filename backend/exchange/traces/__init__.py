"""Reading traces and problem sets: `scan` proposes what to import, `read` streams drafts, formats/ knows the keys."""
