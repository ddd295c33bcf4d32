"""Stored runs and traces: importing, listing, reading, comparing, pairing, deleting."""
