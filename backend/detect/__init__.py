"""A learned cue detector: a linear model over words and their surroundings, used wherever a lexicon is.

Finding needs numpy alone; the training module loads scikit-learn, and only while it trains.
"""
