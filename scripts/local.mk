# scripts/
EXTRA_DIST += scripts/venv
