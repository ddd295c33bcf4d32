"""Annotation projects: sampling, labelling and its rules, agreement, adjudication, and label files."""
