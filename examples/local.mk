# examples/: what scripts/quickstart runs, what a cluster has to allow us, and kinds that it has to know
EXTRA_DIST += examples/backend.py examples/hello.yaml \
	examples/crds/contourconfigurations.yaml \
	examples/crds/contourdeployments.yaml \
	examples/crds/extensionservices.yaml \
	examples/crds/httpproxies.yaml \
	examples/crds/tlscertificatedelegations.yaml \
	examples/manifests/backends.yaml \
	examples/manifests/default.yaml \
	examples/manifests/gateway.yaml \
	examples/manifests/hello.yaml \
	examples/manifests/secure.yaml \
	examples/manifests/wildcard.yaml \
	examples/rbac-propagated.yaml \
	examples/rbac-provisioning.yaml \
	examples/rbac.yaml
