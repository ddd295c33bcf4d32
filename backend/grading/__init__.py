"""Finding a response's final answer and deciding whether it is right, by two graders that may disagree.

Owns the graders `paper` (the rules of arXiv 2603.24472) and `final answer` (ours, the default), and the pool of
processes they run in.
"""
