"""Engines generate responses with a model and score texts with it: transformers, vLLM, or any OpenAI-compatible server.

`protocol` defines what they have in common, `compatibility` says which one can serve a model, `factory` opens one.
"""
