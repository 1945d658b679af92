"""PORTOLAN_CONFORMANCE=no leaves the suite out: it takes minutes."""

import os

collect_ignore = ["test_conformance.py"] if os.environ.get("PORTOLAN_CONFORMANCE") == "no" else []
