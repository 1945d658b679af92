# scripts/
EXTRA_DIST += scripts/deps scripts/kube-binaries scripts/quickstart scripts/test scripts/venv
