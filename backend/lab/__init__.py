"""The lab: a small world of exact problems, and models small enough to train on a laptop's processor.

Owns the problems, the language their traces are written in, the tokenizer, pretraining and fine-tuning of the
lab's models. Knows nothing of the store, of services or of pages.
"""
