"""Recipes: the paper's experiments as lists of trainings, for the lab and for the paper's own models."""
