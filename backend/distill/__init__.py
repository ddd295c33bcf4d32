"""Teaching a model by itself: what a teacher is shown, and how the student learns from it."""
