# docs/
EXTRA_DIST += docs/configuration.md docs/features.md docs/features docs/from-contour.md docs/ipc-protocol.md docs/kubernetes.md docs/manifests.md \
	docs/one-bug-one-file.md docs/performance.md docs/performance.svg docs/recording.md \
	docs/sandbox.md docs/systemd.md
dist_man_MANS += \
	docs/man/portolan.1 \
	docs/man/portolan-admin.8 \
	docs/man/portolan-recorder.8 \
	docs/man/portolan-supervisor.8 \
	docs/man/portolan-translator.8 \
	docs/man/portolan-watcher.8 \
	docs/man/portolan-xds-server.8
