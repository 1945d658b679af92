# helm/: the charts, and the same as plain YAML
EXTRA_DIST += helm/observability helm/portolan helm/portolan-crds helm/rendered Containerfile .dockerignore
