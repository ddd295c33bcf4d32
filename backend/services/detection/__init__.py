"""Learned detectors and gold: training, measuring and suggesting changes to lexicons."""
