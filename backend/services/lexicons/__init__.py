"""Lexicons: the shipped ones, the store's own, and the cues of stored runs."""
