# scripts/
EXTRA_DIST += scripts/deps scripts/kube-binaries scripts/test scripts/venv
