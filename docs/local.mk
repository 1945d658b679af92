# docs/
EXTRA_DIST += docs/README.md docs/conformance docs/do docs/images docs/learn docs/look-up \
	docs/understand
dist_man_MANS += \
	docs/man/portolan.1 \
	docs/man/portolan-admin.8 \
	docs/man/portolan-recording.5 \
	docs/man/portolan.yaml.5 \
	docs/man/portolan-passwords.8 \
	docs/man/portolan-recorder.8 \
	docs/man/portolan-supervisor.8 \
	docs/man/portolan-translator.8 \
	docs/man/portolan-watcher.8 \
	docs/man/portolan-xds-server.8
