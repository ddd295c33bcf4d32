"""Generating and scoring traces: models, problems, prompts, and the jobs made of them."""
