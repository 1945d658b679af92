# docs/
EXTRA_DIST += docs/ipc-protocol.md
