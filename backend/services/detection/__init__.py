"""Gold and learned detectors: training, evaluation, and suggested changes to lexicons."""
