"""The lab: a small world of exact problems, and models small enough to train on a laptop's processor.

Owns the problems, the language of their traces, the tokenizer, and the pretraining and fine-tuning of the lab's models.
"""
