/* The pod of a Gateway's Envoys: as the chart has it, without rights, on a file system that cannot
 * be written, and ended by draining it. */
#include <string.h>

#include "translator/gateway/infrastructure.h"
#include "translator/resolve/config.h"

#define USER          65532
#define DRAIN_SECONDS 50

static void put_strings(struct document *d, const char *key, const char *const *all)
{
	document_key(d, key);
	document_list(d);
	for (; *all; all++)
		document_string(d, *all);
	document_end(d);
}

static void put_container_security(struct document *d)
{
	document_key(d, "securityContext");
	document_map(d);
	document_put_bool(d, "allowPrivilegeEscalation", false);
	document_put_bool(d, "readOnlyRootFilesystem", true);
	document_key(d, "capabilities");
	document_map(d);
	put_strings(d, "drop", (const char *const[]){ "ALL", NULL });
	document_end(d);
	document_end(d);
}

/* Envoy listens at the ports of the Gateway's listeners, and is not root. */
static void put_pod_security(struct document *d)
{
	document_key(d, "securityContext");
	document_map(d);
	document_put_bool(d, "runAsNonRoot", true);
	document_put_int(d, "runAsUser", USER);
	document_put_int(d, "runAsGroup", USER);
	document_put_int(d, "fsGroup", USER);
	document_key(d, "seccompProfile");
	document_map(d);
	document_put_string(d, "type", "RuntimeDefault");
	document_end(d);
	document_key(d, "sysctls");
	document_list(d);
	document_map(d);
	document_put_string(d, "name", "net.ipv4.ip_unprivileged_port_start");
	document_put_string(d, "value", "0");
	document_end(d);
	document_end(d);
	document_end(d);
}

static void put_amounts(struct document *d, const char *key, const char *cpu, const char *memory)
{
	document_key(d, key);
	document_map(d);
	if (cpu)
		document_put_string(d, "cpu", cpu);
	document_put_string(d, "memory", memory);
	document_end(d);
}

static void put_quantity(struct document *d, const char *key, const K8s__Quantity *q)
{
	document_put_string(d, key, q ? q->string : "0");
}

/* Parameters replace all of the usual amounts: one of ours could contradict one of theirs. */
static void put_envoy_resources(const struct infrastructure *i, struct document *d)
{
	const K8s__ResourceRequirements *r = i->parameters.resources;

	document_key(d, "resources");
	document_map(d);
	if (!r) {
		put_amounts(d, "requests", "50m", "64Mi");
		put_amounts(d, "limits", NULL, "1Gi");
		document_end(d);
		return;
	}
	if (r->n_requests) {
		document_key(d, "requests");
		document_map(d);
		for (size_t k = 0; k < r->n_requests; k++)
			put_quantity(d, r->requests[k]->key, r->requests[k]->value);
		document_end(d);
	}
	if (r->n_limits) {
		document_key(d, "limits");
		document_map(d);
		for (size_t k = 0; k < r->n_limits; k++)
			put_quantity(d, r->limits[k]->key, r->limits[k]->value);
		document_end(d);
	}
	document_end(d);
}

/* within: a path in the volume; NULL or "": the whole. */
static void put_mount(struct document *d, const char *name, const char *path, const char *within,
		      bool read_only)
{
	document_map(d);
	document_put_string(d, "name", name);
	document_put_string(d, "mountPath", path);
	if (within && *within)
		document_put_string(d, "subPath", within);
	if (read_only)
		document_put_bool(d, "readOnly", true);
	document_end(d);
}

static void put_bootstrap_args(const struct infrastructure *i, struct document *d)
{
	const K8s__ConfigPortolanGateway *c = config_read(i->g->r)->portolan->gateway;
	const struct infrastructure_parameters *p = &i->parameters;
	struct arena *a = i->g->a;

	document_key(d, "args");
	document_list(d);
	document_string(d, arena_printf(a, "--xds-address=%s", c->xds_address));
	document_string(d, "--tls-cert=/etc/portolan-xds/tls.crt");
	document_string(d, "--tls-key=/etc/portolan-xds/tls.key");
	document_string(d, "--tls-ca=/etc/portolan-xds/ca.crt");
	document_string(d, "--node-id=$(POD_NAME)");
	document_string(d, arena_printf(a, "--node-cluster=portolan://fleet/%s", i->g->fleet));
	document_string(d, "--admin-path=/run/envoy/admin.sock");
	document_string(d, "--shutdown-program=/run/envoy/portolan-envoy-shutdown");
	if (p->max_heap_mb)
		document_string(d, arena_printf(a, "--max-heap-mb=%u", p->max_heap_mb));
	if (p->max_connections)
		document_string(d, arena_printf(a, "--max-connections=%u", p->max_connections));
	document_string(d, "/run/envoy/envoy.yaml");
	document_end(d);
}

/* Writes the bootstrap of Envoy, and the program that drains it. */
static void put_bootstrap(const struct infrastructure *i, struct document *d)
{
	const K8s__ConfigPortolanGateway *c = config_read(i->g->r)->portolan->gateway;

	document_map(d);
	document_put_string(d, "name", "bootstrap");
	document_put_string(d, "image", c->image);
	put_strings(d, "command", (const char *const[]){ "/usr/bin/portolan", "bootstrap", NULL });
	put_bootstrap_args(i, d);
	document_key(d, "env");
	document_list(d);
	document_map(d);
	document_put_string(d, "name", "POD_NAME");
	document_key(d, "valueFrom");
	document_map(d);
	document_key(d, "fieldRef");
	document_map(d);
	document_put_string(d, "fieldPath", "metadata.name");
	document_end(d);
	document_end(d);
	document_end(d);
	document_end(d);
	put_container_security(d);
	document_key(d, "resources");
	document_map(d);
	put_amounts(d, "requests", "10m", "16Mi");
	put_amounts(d, "limits", NULL, "64Mi");
	document_end(d);
	document_key(d, "volumeMounts");
	document_list(d);
	put_mount(d, INFRASTRUCTURE_RUN, INFRASTRUCTURE_RUN_PATH, NULL, false);
	document_end(d);
	document_end(d);
}

/* Ready means that Envoy has its first configuration: that page is part of it. */
static void put_readiness(const struct infrastructure *i, struct document *d)
{
	const K8s__ConfigAddress *health = config_read(i->g->r)->envoy->health;

	if (!health || !health->port)
		return;
	document_key(d, "readinessProbe");
	document_map(d);
	document_key(d, "httpGet");
	document_map(d);
	document_put_string(d, "path", "/ready");
	document_put_int(d, "port", health->port);
	document_end(d);
	document_put_int(d, "periodSeconds", 3);
	document_put_int(d, "timeoutSeconds", 3);
	document_put_int(d, "failureThreshold", 2);
	document_end(d);
}

static void put_shutdown(const struct infrastructure *i, struct document *d)
{
	document_key(d, "lifecycle");
	document_map(d);
	document_key(d, "preStop");
	document_map(d);
	document_key(d, "exec");
	document_map(d);
	put_strings(d, "command",
		    (const char *const[]){ "/run/envoy/portolan-envoy-shutdown",
					   "--admin=/run/envoy/admin.sock", "--unready-after=5",
					   "--min-seconds=5",
					   arena_printf(i->g->a, "--max-seconds=%d", DRAIN_SECONDS),
					   "--log=/proc/1/fd/2", NULL });
	document_end(d);
	document_end(d);
	document_end(d);
}

static void put_envoy(const struct infrastructure *i, struct document *d)
{
	const struct infrastructure_parameters *p = &i->parameters;

	document_map(d);
	document_put_string(d, "name", "envoy");
	document_put_string(d, "image", config_read(i->g->r)->portolan->gateway->envoy_image);
	put_strings(d, "command", (const char *const[]){ "envoy", NULL });
	put_strings(d, "args",
		    (const char *const[]){ "--config-path", "/run/envoy/envoy.yaml",
					   "--disable-hot-restart", "--log-level", p->log_level,
					   "--component-log-level", "misc:error",
					   "--drain-strategy", "immediate", "--drain-time-s",
					   arena_printf(i->g->a, "%d", DRAIN_SECONDS), NULL });
	put_container_security(d);
	put_envoy_resources(i, d);
	put_readiness(i, d);
	put_shutdown(i, d);
	document_key(d, "volumeMounts");
	document_list(d);
	put_mount(d, INFRASTRUCTURE_RUN, INFRASTRUCTURE_RUN_PATH, NULL, false);
	put_mount(d, INFRASTRUCTURE_TLS, INFRASTRUCTURE_TLS_PATH, NULL, true);
	for (size_t k = 0; k < p->n_mounts; k++)
		put_mount(d, p->mounts[k]->name, p->mounts[k]->mount_path, p->mounts[k]->sub_path,
			  p->mounts[k]->read_only);
	document_end(d);
	document_end(d);
}

static void put_file(struct document *d, const char *name)
{
	document_map(d);
	document_put_string(d, "key", name);
	document_put_string(d, "path", name);
	document_end(d);
}

static void put_set(struct document *d, const char *key, const char *value)
{
	if (*value)
		document_put_string(d, key, value);
}

static void put_items(struct document *d, K8s__KeyToPath *const *all, size_t n)
{
	if (!n)
		return;
	document_key(d, "items");
	document_list(d);
	for (size_t k = 0; k < n; k++) {
		document_map(d);
		document_put_string(d, "key", all[k]->key);
		document_put_string(d, "path", all[k]->path);
		if (all[k]->has_mode)
			document_put_int(d, "mode", all[k]->mode);
		document_end(d);
	}
	document_end(d);
}

static void put_empty_dir(struct document *d, const K8s__EmptyDirVolumeSource *s)
{
	document_key(d, "emptyDir");
	document_map(d);
	put_set(d, "medium", s->medium);
	if (s->size_limit)
		put_quantity(d, "sizeLimit", s->size_limit);
	document_end(d);
}

static void put_secret(struct document *d, const K8s__SecretVolumeSource *s)
{
	document_key(d, "secret");
	document_map(d);
	document_put_string(d, "secretName", s->secret_name);
	put_items(d, s->items, s->n_items);
	if (s->has_default_mode)
		document_put_int(d, "defaultMode", s->default_mode);
	if (s->has_optional)
		document_put_bool(d, "optional", s->optional);
	document_end(d);
}

static void put_config_map(struct document *d, const K8s__ConfigMapVolumeSource *s)
{
	document_key(d, "configMap");
	document_map(d);
	document_put_string(d, "name", s->name);
	put_items(d, s->items, s->n_items);
	if (s->has_default_mode)
		document_put_int(d, "defaultMode", s->default_mode);
	if (s->has_optional)
		document_put_bool(d, "optional", s->optional);
	document_end(d);
}

static void put_claim(struct document *d, const K8s__PersistentVolumeClaimVolumeSource *s)
{
	document_key(d, "persistentVolumeClaim");
	document_map(d);
	document_put_string(d, "claimName", s->claim_name);
	if (s->read_only)
		document_put_bool(d, "readOnly", true);
	document_end(d);
}

static void put_volume(struct document *d, const K8s__Volume *v)
{
	document_map(d);
	document_put_string(d, "name", v->name);
	if (v->empty_dir)
		put_empty_dir(d, v->empty_dir);
	if (v->secret)
		put_secret(d, v->secret);
	if (v->config_map)
		put_config_map(d, v->config_map);
	if (v->persistent_volume_claim)
		put_claim(d, v->persistent_volume_claim);
	document_end(d);
}

static void put_volumes(const struct infrastructure *i, struct document *d)
{
	document_key(d, "volumes");
	document_list(d);
	document_map(d);
	document_put_string(d, "name", INFRASTRUCTURE_RUN);
	document_key(d, "emptyDir");
	document_map(d);
	document_put_string(d, "medium", "Memory");
	document_put_string(d, "sizeLimit", "16Mi");
	document_end(d);
	document_end(d);
	document_map(d);
	document_put_string(d, "name", INFRASTRUCTURE_TLS);
	document_key(d, "secret");
	document_map(d);
	document_put_string(d, "secretName", i->secret);
	document_put_int(d, "defaultMode", 0440);
	/* Naming each makes the kubelet wait until it exists. */
	document_key(d, "items");
	document_list(d);
	put_file(d, "tls.crt");
	put_file(d, "tls.key");
	put_file(d, "ca.crt");
	document_end(d);
	document_end(d);
	document_end(d);
	for (size_t k = 0; k < i->parameters.n_volumes; k++)
		put_volume(d, i->parameters.volumes[k]);
	document_end(d);
}

static void put_spread(const struct infrastructure *i, struct document *d)
{
	document_key(d, "topologySpreadConstraints");
	document_list(d);
	document_map(d);
	document_put_int(d, "maxSkew", 1);
	document_put_string(d, "topologyKey", "kubernetes.io/hostname");
	document_put_string(d, "whenUnsatisfiable", "ScheduleAnyway");
	document_key(d, "labelSelector");
	document_map(d);
	document_key(d, "matchLabels");
	infrastructure_selector(i, d);
	document_end(d);
	document_end(d);
	document_end(d);
}

static void put_tolerations(const struct infrastructure_parameters *p, struct document *d)
{
	if (!p->placement)
		return;
	document_key(d, "tolerations");
	document_list(d);
	for (size_t k = 0; k < p->placement->n_tolerations; k++) {
		const K8s__Toleration *t = p->placement->tolerations[k];

		document_map(d);
		put_set(d, "key", t->key);
		put_set(d, "operator", t->operator_);
		put_set(d, "value", t->value);
		put_set(d, "effect", t->effect);
		if (t->has_toleration_seconds)
			document_put_int(d, "tolerationSeconds", t->toleration_seconds);
		document_end(d);
	}
	document_end(d);
}

void pod_template(const struct infrastructure *i, struct document *d)
{
	const struct infrastructure_parameters *p = &i->parameters;

	document_key(d, "template");
	document_map(d);
	document_key(d, "metadata");
	document_map(d);
	infrastructure_labels(i, d, &p->pod_annotations);
	document_end(d);
	document_key(d, "spec");
	document_map(d);
	document_put_string(d, "serviceAccountName", i->name);
	document_put_bool(d, "automountServiceAccountToken", false);
	document_put_bool(d, "enableServiceLinks", false);
	document_put_int(d, "terminationGracePeriodSeconds", DRAIN_SECONDS + 10);
	put_pod_security(d);
	infrastructure_put_pairs(d, "nodeSelector", &p->node_selector);
	put_tolerations(p, d);
	if (!p->daemon_set)
		put_spread(i, d);
	document_key(d, "initContainers");
	document_list(d);
	put_bootstrap(i, d);
	document_end(d);
	document_key(d, "containers");
	document_list(d);
	put_envoy(i, d);
	document_end(d);
	put_volumes(i, d);
	document_end(d);
	document_end(d);
}
