# scripts/
EXTRA_DIST += \
	scripts/boot-tree \
	scripts/chart \
	scripts/conformance \
	scripts/conformance-binaries \
	scripts/crds \
	scripts/deb \
	scripts/deps \
	scripts/field-rules \
	scripts/format \
	scripts/helm-binary \
	scripts/image \
	scripts/image-base \
	scripts/image-files \
	scripts/image-packages \
	scripts/kube-binaries \
	scripts/man-keys \
	scripts/previous-build \
	scripts/quickstart \
	scripts/test \
	scripts/venv
