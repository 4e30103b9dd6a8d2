"""``python -m tests.soak``, which is what ``make soak`` runs. A module of its own: processes import what they work with."""

from __future__ import annotations

import sys

from .whole import main

if __name__ == "__main__":
    sys.exit(main())
