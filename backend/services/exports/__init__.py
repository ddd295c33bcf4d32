"""What leaves the store: traces with their cues, preference pairs, Inspect logs, pages of a pair, bundles of runs."""
