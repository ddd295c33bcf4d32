"""Speed, as ratios within one run: no number here depends on how busy the machine is."""
