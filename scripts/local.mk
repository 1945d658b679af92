# scripts/
EXTRA_DIST += scripts/boot-tree scripts/deps scripts/kube-binaries scripts/quickstart scripts/test scripts/venv
