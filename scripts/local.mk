# scripts/
EXTRA_DIST += scripts/deps scripts/test scripts/venv
