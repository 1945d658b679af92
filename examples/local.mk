# examples/
EXTRA_DIST += examples/rbac.yaml
