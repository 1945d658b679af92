# examples/: what scripts/quickstart runs, and what a cluster has to allow us
EXTRA_DIST += examples/backend.py \
	examples/manifests/backends.yaml \
	examples/manifests/default.yaml \
	examples/manifests/hello.yaml \
	examples/manifests/secure.yaml \
	examples/manifests/wildcard.yaml \
	examples/rbac.yaml
