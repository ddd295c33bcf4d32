"""Stored runs and traces: imported, listed, read, compared, paired and deleted."""
