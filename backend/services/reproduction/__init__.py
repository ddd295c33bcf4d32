"""The reproduction of the paper: recipes, their results, the claims tested on them, and reports."""
