"""Figures of traces and runs, each with its interval: accuracy, length, cue density, paired comparison.

Owns formulas. Pure: takes numbers, gives numbers; knows nothing of the store, texts, graders or pages.
"""
