# scripts/
EXTRA_DIST += scripts/boot-tree scripts/crds scripts/deps scripts/kube-binaries scripts/previous-build scripts/quickstart scripts/test scripts/venv
