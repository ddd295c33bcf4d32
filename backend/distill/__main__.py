"""`python -m backend.distill FOLDER`: trains what the plan in FOLDER says. Knows nothing but where the process is.

The same words work after `accelerate launch -m`, on several GPUs.
"""

import sys
from pathlib import Path

from backend.distill.training_loop import main

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name one folder, the one that holds plan.json.")
    sys.exit(main(Path(sys.argv[1])))
