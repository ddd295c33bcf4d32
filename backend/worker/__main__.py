"""`python -m backend.worker`: a worker on the store the environment names."""

import argparse
import sys

from backend.config import load
from backend.domain import UserError
from backend.worker.main import configure_logging, run_worker

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m backend.worker", description="Do the store's jobs.")
    parser.add_argument("--once", action="store_true", help="end when no job is left")
    options = parser.parse_args()
    configure_logging()
    try:
        sys.exit(run_worker(load(), once=options.once))
    except UserError as error:
        sys.exit(str(error))
