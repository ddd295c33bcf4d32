"""Teaching a model by itself: what a teacher is shown, and how the student learns from it."""

import os

# TRL reports every trainer that is made to its makers, unless this is set before its libraries are loaded. What is
# trained here is nobody's business, and there may be no network.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
