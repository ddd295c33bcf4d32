"""Series: the runs of one training over its steps, their figures, and the files that they grow in."""
