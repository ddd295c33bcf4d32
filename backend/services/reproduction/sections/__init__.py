"""The sections of a reproduction report, each made of runs' figures."""
