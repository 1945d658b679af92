# docs/
EXTRA_DIST += docs/ipc-protocol.md docs/performance.md docs/performance.svg
