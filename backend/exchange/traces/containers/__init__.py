"""Containers: archives, compressed files, Inspect logs and Trackio stores, unpacked into plain files of rows."""
