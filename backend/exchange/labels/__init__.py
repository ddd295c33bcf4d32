"""Annotated texts as files: what all formats share, and which format is which."""
