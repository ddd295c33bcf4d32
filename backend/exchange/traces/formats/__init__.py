"""The trace formats, a module each; detection.py lists them in the order in which they are tried."""
