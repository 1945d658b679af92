/* The objects that a Gateway with Envoys of its own wants to be in the cluster: a ServiceAccount, a
 * Secret with the Envoys' certificate, a Deployment or DaemonSet, a Service. */
#pragma once

#include "common/base/document.h"
#include "k8s/contour-deployment.pb-c.h"
#include "translator/gateway/gateway.h"

/* The pods' own volumes, and where Envoy has them. */
#define INFRASTRUCTURE_RUN      "run"
#define INFRASTRUCTURE_RUN_PATH "/run/envoy"
#define INFRASTRUCTURE_TLS      "xds-tls"
#define INFRASTRUCTURE_TLS_PATH "/etc/portolan-xds"

struct infrastructure_pair {
	const char *key, *value;
};

struct infrastructure_pairs {
	const struct infrastructure_pair *all;
	size_t n;
};

/* The settings that ContourDeployments give (parameters.h). NULL: not set. */
struct infrastructure_parameters {
	bool daemon_set;
	int32_t replicas;    /* of a Deployment */
	bool fixed_replicas; /* autoscalers do not decide */
	const K8s__UpdateStrategy *deployment_strategy, *daemon_set_strategy;
	const char *service_type;
	const char *external_traffic_policy, *ip_family_policy;
	const char *log_level;
	struct infrastructure_pairs labels, pod_annotations, service_annotations, node_selector;
	const K8s__NodePlacement *placement; /* its tolerations */
	const K8s__ResourceRequirements *resources;
	K8s__Volume *const *volumes;
	size_t n_volumes;
	K8s__VolumeMount *const *mounts;
	size_t n_mounts;
	uint32_t max_heap_mb, max_connections; /* 0: no limit */
};

struct infrastructure {
	struct gateway *g;
	struct infrastructure_parameters parameters;
	const char *namespace; /* "": Portolan's own, for Gateways that share their Envoys */
	const char *class;
	const char *name; /* of all objects */
	const char
		*label_name; /* the Gateway's or class's name, shortened to a valid label value */
	const char *fleet_label;
	const char *address; /* the wanted one, or NULL */
	const char *secret;
};

struct infrastructure_parameters infrastructure_defaults(void);

/* Emits the wanted objects of the Gateway, or of all that share its Envoys. parameters: NULL if
 * they are wrong; then the objects that exist stay as they are. */
void infrastructure_want(struct gateway *g, const struct infrastructure_parameters *parameters);
/* Finds the objects' state: the Gateway's addresses. */
void infrastructure_find_state(struct gateway *g,
			       const struct infrastructure_parameters *parameters);

/* Labels by which all objects are found; selectors have only these (P-NAM-4). */
void infrastructure_selector(const struct infrastructure *i, struct document *d);
/* A map's members "labels" and "annotations"; more: further annotations. */
void infrastructure_labels(const struct infrastructure *i, struct document *d,
			   const struct infrastructure_pairs *more);
/* A map's members; a map that is empty is left out. */
void infrastructure_put_pairs(struct document *d, const char *key,
			      const struct infrastructure_pairs *pairs);

/* pod-template.c: the member "template" of a Deployment or DaemonSet. */
void pod_template(const struct infrastructure *i, struct document *d);
