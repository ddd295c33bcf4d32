"""Generation and scoring of traces: models, problems, prompts, and the jobs made of them."""
