"""`python -m backend.distill FOLDER`: runs the training whose plan is in FOLDER.

On several GPUs: `accelerate launch -m backend.distill FOLDER`.
"""

import sys
from pathlib import Path

from backend.distill.training_loop import main

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name one folder, the one that holds plan.json.")
    sys.exit(main(Path(sys.argv[1])))
