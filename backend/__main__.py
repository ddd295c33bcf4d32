"""`python -m backend VERB`: the command line's entry. Knows nothing but where the verbs are."""

import sys

from backend.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
