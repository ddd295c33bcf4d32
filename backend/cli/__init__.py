"""The command line, `python -m backend VERB`: a module for each verb, or for a few that belong together."""
