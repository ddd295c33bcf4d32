"""The paper's experiments: recipes, their results, the claims tested on them, and reports."""
