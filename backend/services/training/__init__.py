"""Distillation trainings: asked for, planned, carried out and recorded."""
