"""Self-distillation and its baselines: contexts for the teacher, objectives, and TRL's trainers as we use them."""

import os

# TRL reports every trainer that is created to its makers, unless this is set before its libraries are loaded. What is
# trained here is nobody's business, and there may be no network.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
