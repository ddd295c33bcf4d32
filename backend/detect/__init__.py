"""A learned detector of cues: a linear model over words and their surroundings, used wherever a lexicon is.

Owns its features, its decoding, its weights as plain JSON and its training. Finding needs numpy alone; the training
module loads scikit-learn, and only while it trains. Knows nothing of the store, of projects or of pages.
"""
