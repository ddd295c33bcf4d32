"""Annotation projects: their samples, labels, rules, agreement, adjudication and files."""
