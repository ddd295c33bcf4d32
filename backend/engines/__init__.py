"""Engines answer problems with a model and read traces with it; every engine keeps the same Protocol.

`protocol` says what an engine is, without torch; `opening` makes one. Knows nothing of stores, jobs or pages.
"""
