"""Reading and writing annotated texts: span_formats.py lists the formats, parts.py holds what they share."""
