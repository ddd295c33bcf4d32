"""Speed, as ratios within one run: machines differ, ratios less so. `python -m tests.bench` prints them all."""
