"""Lexicons of uncertainty expressions: the values, their YAML, the matcher, and the sections of a response.

Everything here is pure: text and lexicon in, places out.
"""
