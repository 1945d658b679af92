/* Reads ContourDeployments: which of their settings count for the Envoys of a Gateway, which have
 * no effect, and which are wrong. */
#include "translator/gateway/parameters.h"

#include <string.h>

#include "k8s/contour-deployment.pb-c.h"
#include "translator/resolve/object.h"

#define GROUP     "projectcontour.io"
#define ITEMS_MAX 64 /* of each list */
#define MEBIBYTE  1048576

/* A ContourDeployment while it is read, and the field that refers to it. */
struct parameters {
	struct reader *r;
	struct arena *a;
	const char *where; /* for sentences about it */
	const char *key;
	/* The object that gets the warnings; 0: no warnings. */
	enum object_kind kind;
	const char *object;
	const char *field;
	struct infrastructure_parameters *out;
	struct flaw *flaw;
};

static void bad(struct parameters *p, const char *field, const char *why)
{
	flaw_set(p->flaw, "InvalidParameters",
		 arena_printf(p->a, "%s: ContourDeployment %s: %s: %s", p->where, p->key, field,
			      why));
}

static void unused(struct parameters *p, bool is_set, const char *field, const char *why)
{
	if (is_set && p->kind)
		emit_problem(p->r, p->kind, p->object, PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING,
			     "NoEffect", p->field, "ContourDeployment %s: %s has no effect: %s",
			     p->key, field, why);
}

/* ---- words ---- */

struct word {
	const char *word, *means;
};

/* Returns the meaning of the word. An empty or wrong word leaves the value as it was: `before`. */
static const char *take_word(struct parameters *p, const char *field, const char *word,
			     const struct word *all, const char *before)
{
	const char *known = "";

	if (!*word)
		return before;
	for (const struct word *w = all; w->word; w++) {
		if (strcmp(w->word, word) == 0)
			return w->means;
		known = arena_printf(p->a, "%s%s%s", known, w == all ? "" : ", ", w->word);
	}
	bad(p, field, arena_printf(p->a, "\"%.64s\" is not one of %s", word, known));
	return before;
}

static const struct word workloads[] = {
	{ "Deployment", "Deployment" },
	{ "DaemonSet", "DaemonSet" },
	{ 0 },
};
static const struct word service_types[] = {
	{ "LoadBalancerService", "LoadBalancer" },
	{ "NodePortService", "NodePort" },
	{ "ClusterIPService", "ClusterIP" },
	{ 0 },
};
static const struct word traffic_policies[] = {
	{ "Local", "Local" },
	{ "Cluster", "Cluster" },
	{ 0 },
};
static const struct word ip_families[] = {
	{ "SingleStack", "SingleStack" },
	{ "PreferDualStack", "PreferDualStack" },
	{ "RequireDualStack", "RequireDualStack" },
	{ 0 },
};
static const struct word log_levels[] = {
	{ "trace", "trace" }, { "debug", "debug" },       { "info", "info" }, { "warn", "warning" },
	{ "error", "error" }, { "critical", "critical" }, { "off", "off" },   { 0 },
};
static const struct word deployment_strategies[] = {
	{ "RollingUpdate", "RollingUpdate" },
	{ "Recreate", "Recreate" },
	{ 0 },
};
static const struct word daemon_set_strategies[] = {
	{ "RollingUpdate", "RollingUpdate" },
	{ "OnDelete", "OnDelete" },
	{ 0 },
};
static const struct word operators[] = {
	{ "Exists", "Exists" },
	{ "Equal", "Equal" },
	{ 0 },
};
static const struct word effects[] = {
	{ "NoSchedule", "NoSchedule" },
	{ "PreferNoSchedule", "PreferNoSchedule" },
	{ "NoExecute", "NoExecute" },
	{ 0 },
};

/* ---- maps ---- */

/* A map that is not empty takes the place of the one before. */
#define TAKE_PAIRS(p, out, message, member)                                                       \
	do {                                                                                      \
		struct infrastructure_pair *pairs = arena_new_of(                                 \
			(p)->a, struct infrastructure_pair, (message)->n_##member + 1);           \
                                                                                                  \
		for (size_t k_ = 0; k_ < (message)->n_##member; k_++)                             \
			pairs[k_] = (struct infrastructure_pair){ (message)->member[k_]->key,     \
								  (message)->member[k_]->value }; \
		if ((message)->n_##member)                                                        \
			(out) = (struct infrastructure_pairs){ pairs, (message)->n_##member };    \
	} while (0)

/* ---- the workload ---- */

static void take_replicas(struct parameters *p, const char *field, bool is_set, int32_t replicas)
{
	if (!is_set)
		return;
	if (replicas < 0) {
		bad(p, field, "must not be negative");
		return;
	}
	p->out->replicas = replicas;
	p->out->fixed_replicas = true;
}

static void take_strategy(struct parameters *p, const char *field, const K8s__UpdateStrategy *s,
			  const struct word *types, const K8s__UpdateStrategy **out)
{
	if (!s)
		return;
	(void)take_word(p, arena_printf(p->a, "%s.type", field), s->type, types, NULL);
	if (s->rolling_update && *s->type && strcmp(s->type, "RollingUpdate") != 0)
		bad(p, arena_printf(p->a, "%s.rollingUpdate", field),
		    "only the type RollingUpdate has it");
	*out = s;
}

static void take_workload(struct parameters *p, const K8s__EnvoySettings *e)
{
	struct infrastructure_parameters *out = p->out;
	const char *workload = take_word(p, "spec.envoy.workloadType", e->workload_type, workloads,
					 out->daemon_set ? "DaemonSet" : "Deployment");

	out->daemon_set = strcmp(workload, "DaemonSet") == 0;
	take_replicas(p, "spec.envoy.replicas", e->has_replicas, e->replicas);
	if (e->deployment) {
		take_replicas(p, "spec.envoy.deployment.replicas", e->deployment->has_replicas,
			      e->deployment->replicas);
		take_strategy(p, "spec.envoy.deployment.strategy", e->deployment->strategy,
			      deployment_strategies, &out->deployment_strategy);
	}
	if (e->daemon_set)
		take_strategy(p, "spec.envoy.daemonSet.updateStrategy",
			      e->daemon_set->update_strategy, daemon_set_strategies,
			      &out->daemon_set_strategy);
	unused(p, out->daemon_set && (e->deployment || e->has_replicas),
	       e->deployment ? "spec.envoy.deployment" : "spec.envoy.replicas",
	       "the workload is a DaemonSet");
	unused(p, !out->daemon_set && e->daemon_set, "spec.envoy.daemonSet",
	       "the workload is a Deployment");
}

/* ---- the Service ---- */

static void take_service(struct parameters *p, const K8s__NetworkPublishing *n)
{
	struct infrastructure_parameters *out = p->out;

	if (!n)
		return;
	out->service_type = take_word(p, "spec.envoy.networkPublishing.type", n->type,
				      service_types, out->service_type);
	out->external_traffic_policy = take_word(
		p, "spec.envoy.networkPublishing.externalTrafficPolicy", n->external_traffic_policy,
		traffic_policies, out->external_traffic_policy);
	out->ip_family_policy = take_word(p, "spec.envoy.networkPublishing.ipFamilyPolicy",
					  n->ip_family_policy, ip_families, out->ip_family_policy);
	TAKE_PAIRS(p, out->service_annotations, n, service_annotations);
	unused(p, *n->external_traffic_policy && strcmp(out->service_type, "ClusterIP") == 0,
	       "spec.envoy.networkPublishing.externalTrafficPolicy",
	       "nobody outside reaches a Service of type ClusterIP");
}

/* ---- the pods ---- */

static bool check_count(struct parameters *p, const char *field, size_t n)
{
	if (n > ITEMS_MAX)
		bad(p, field,
		    arena_printf(p->a, "has %zu items, at most %d are taken", n, ITEMS_MAX));
	return n && n <= ITEMS_MAX;
}

static void take_placement(struct parameters *p, const K8s__NodePlacement *n)
{
	static const char field[] = "spec.envoy.nodePlacement.tolerations";

	if (!n)
		return;
	TAKE_PAIRS(p, p->out->node_selector, n, node_selector);
	if (!check_count(p, field, n->n_tolerations))
		return;
	for (size_t i = 0; i < n->n_tolerations; i++) {
		const K8s__Toleration *t = n->tolerations[i];

		(void)take_word(p, arena_printf(p->a, "%s[%zu].operator", field, i), t->operator_,
				operators, NULL);
		(void)take_word(p, arena_printf(p->a, "%s[%zu].effect", field, i), t->effect,
				effects, NULL);
	}
	p->out->placement = n;
}

static void take_resources(struct parameters *p, const K8s__ResourceRequirements *r)
{
	if (!r)
		return;
	unused(p, r->n_claims > 0, "spec.envoy.resources.claims", "the pods claim no devices");
	if (r->n_limits || r->n_requests)
		p->out->resources = r;
}

static void take_amount(struct parameters *p, const char *field, int64_t amount, int64_t unit,
			uint32_t *out)
{
	if (amount < 0 || amount / unit >= UINT32_MAX)
		bad(p, field, "is out of range");
	else if (amount)
		*out = amount < unit ? 1 : (uint32_t)(amount / unit);
}

/* ---- volumes ---- */

static void check_volume(struct parameters *p, const K8s__EnvoySettings *e, size_t i)
{
	const K8s__Volume *v = e->extra_volumes[i];
	const char *field = arena_printf(p->a, "spec.envoy.extraVolumes[%zu]", i);

	if (!!v->empty_dir + !!v->secret + !!v->config_map + !!v->persistent_volume_claim != 1)
		bad(p, field,
		    "must be one of emptyDir, secret, configMap and persistentVolumeClaim: the "
		    "pods have nothing of their node");
	if (!*v->name || strcmp(v->name, INFRASTRUCTURE_RUN) == 0 ||
	    strcmp(v->name, INFRASTRUCTURE_TLS) == 0)
		bad(p, arena_printf(p->a, "%s.name", field),
		    "is empty, or the name of a volume that the pods have anyway");
	for (size_t k = 0; k < i; k++)
		if (strcmp(e->extra_volumes[k]->name, v->name) == 0)
			bad(p, arena_printf(p->a, "%s.name", field), "another volume has it");
}

/* Whether the one is the other, or in it. */
static bool is_in(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && (!path[n] || path[n] == '/');
}

static bool hides_ours(const char *path)
{
	return is_in(path, INFRASTRUCTURE_RUN_PATH) || is_in(path, INFRASTRUCTURE_TLS_PATH) ||
	       is_in(INFRASTRUCTURE_RUN_PATH, path) || is_in(INFRASTRUCTURE_TLS_PATH, path) ||
	       strcmp(path, "/") == 0;
}

static void check_mount(struct parameters *p, const K8s__EnvoySettings *e, size_t i)
{
	const K8s__VolumeMount *m = e->extra_volume_mounts[i];
	const char *field = arena_printf(p->a, "spec.envoy.extraVolumeMounts[%zu]", i);
	size_t k = 0;

	while (k < p->out->n_volumes && strcmp(p->out->volumes[k]->name, m->name) != 0)
		k++;
	if (k == p->out->n_volumes)
		bad(p, arena_printf(p->a, "%s.name", field),
		    arena_printf(p->a, "there is no \"%.64s\" in extraVolumes", m->name));
	if (*m->mount_path != '/' || hides_ours(m->mount_path) || strstr(m->mount_path, ".."))
		bad(p, arena_printf(p->a, "%s.mountPath", field),
		    "must be an absolute path that hides neither " INFRASTRUCTURE_RUN_PATH
		    " nor " INFRASTRUCTURE_TLS_PATH);
	for (k = 0; k < i; k++)
		if (strcmp(e->extra_volume_mounts[k]->mount_path, m->mount_path) == 0)
			bad(p, arena_printf(p->a, "%s.mountPath", field), "another mount has it");
	unused(p, m->mount_propagation || *m->sub_path_expr || m->recursive_read_only,
	       arena_printf(p->a, "%s.%s", field,
			    m->mount_propagation ? "mountPropagation"
			    : *m->sub_path_expr  ? "subPathExpr"
						 : "recursiveReadOnly"),
	       "the mount is made without it");
}

static void take_volumes(struct parameters *p, const K8s__EnvoySettings *e)
{
	if (check_count(p, "spec.envoy.extraVolumes", e->n_extra_volumes)) {
		for (size_t i = 0; i < e->n_extra_volumes; i++)
			check_volume(p, e, i);
		p->out->volumes = e->extra_volumes;
		p->out->n_volumes = e->n_extra_volumes;
		/* Those of the class are of the class's volumes. */
		p->out->n_mounts = 0;
	}
	if (check_count(p, "spec.envoy.extraVolumeMounts", e->n_extra_volume_mounts)) {
		for (size_t i = 0; i < e->n_extra_volume_mounts; i++)
			check_mount(p, e, i);
		p->out->mounts = e->extra_volume_mounts;
		p->out->n_mounts = e->n_extra_volume_mounts;
	}
}

/* ---- the whole ---- */

static void take_envoy(struct parameters *p, const K8s__EnvoySettings *e)
{
	take_workload(p, e);
	take_service(p, e->network_publishing);
	take_placement(p, e->node_placement);
	take_resources(p, e->resources);
	TAKE_PAIRS(p, p->out->pod_annotations, e, pod_annotations);
	p->out->log_level =
		take_word(p, "spec.envoy.logLevel", e->log_level, log_levels, p->out->log_level);
	take_volumes(p, e);
	take_amount(p, "spec.envoy.overloadMaxHeapSize", e->overload_max_heap_size, MEBIBYTE,
		    &p->out->max_heap_mb);
	take_amount(p, "spec.envoy.overloadMaxDownstreamConnections",
		    e->overload_max_downstream_connections, 1, &p->out->max_connections);
	unused(p, e->base_id != 0, "spec.envoy.baseID",
	       "each Envoy has a pod to itself, and is not restarted hot");
}

static void take(struct parameters *p)
{
	const K8s__ContourDeployment *d = read_message(p->r, OBJECT_CONTOUR_DEPLOYMENT, p->key);

	if (!d) {
		flaw_set(p->flaw, "InvalidParameters",
			 arena_printf(p->a, "%s: %s", p->where,
				      object_missing(p->r, OBJECT_CONTOUR_DEPLOYMENT, p->key)));
		return;
	}
	if (!d->spec)
		return;
	unused(p, d->spec->contour != NULL, "spec.contour",
	       "one Portolan serves all Gateways, its pods are the chart's");
	unused(p, d->spec->runtime_settings != NULL, "spec.runtimeSettings",
	       "all Gateways have the configuration of Portolan");
	TAKE_PAIRS(p, p->out->labels, d->spec, resource_labels);
	if (d->spec->envoy)
		take_envoy(p, d->spec->envoy);
}

/* A reference to the one kind that we know, with Envoys to which it can apply. */
static void follow(struct parameters *p, const char *group, const char *kind, const char *namespace,
		   const char *name)
{
	if (strcmp(group, GROUP) != 0 || strcmp(kind, "ContourDeployment") != 0) {
		flaw_set(
			p->flaw, "InvalidParameters",
			arena_printf(p->a,
				     "%s: parameters are in a ContourDeployment of the group " GROUP
				     ", not in a %s of the group \"%s\"",
				     p->where, kind, group));
	} else if (!gateway_is_provisioned(p->r)) {
		flaw_set(p->flaw, "InvalidParameters",
			 arena_printf(p->a,
				      "%s: only Gateways with Envoys of their own have parameters: "
				      "set portolan.gateway.provisioning",
				      p->where));
	} else if (!namespace || !*namespace) {
		flaw_set(p->flaw, "InvalidParameters",
			 arena_printf(p->a,
				      "%s.namespace: must be there: a ContourDeployment is in "
				      "a namespace",
				      p->where));
	} else {
		p->key = arena_printf(p->a, "%s/%s", namespace, name);
		take(p);
	}
}

void parameters_check_class(struct reader *r, const char *key, const K8s__GatewayClass *class,
			    struct flaw *ret)
{
	const K8s__ParametersReference *ref = class->spec->parameters_ref;
	struct infrastructure_parameters unread = infrastructure_defaults();
	struct parameters p = {
		.r = r,
		.a = reader_arena(r),
		.where = "spec.parametersRef",
		.kind = OBJECT_GATEWAY_CLASS,
		.object = key,
		.field = "spec.parametersRef",
		.out = &unread,
		.flaw = ret,
	};

	if (ref)
		follow(&p, ref->group, ref->kind, ref->namespace_, ref->name);
}

void parameters_find(struct gateway *g, struct infrastructure_parameters *ret,
		     struct flaw *ret_flaw)
{
	const K8s__GatewaySpec *spec = g->object->spec;
	const K8s__LocalObjectReference *own =
		spec->infrastructure ? spec->infrastructure->parameters_ref : NULL;
	const K8s__ParametersReference *ref =
		gateway_class_parameters(g->r, spec->gateway_class_name);
	struct parameters p = { .r = g->r, .a = g->a, .out = ret, .flaw = ret_flaw };
	const char *namespace, *name;

	*ret = infrastructure_defaults();
	p.where =
		arena_printf(g->a, "GatewayClass %s: spec.parametersRef", spec->gateway_class_name);
	/* Without Envoys of its own a Gateway does not need its class's. */
	if (ref && gateway_is_provisioned(g->r))
		follow(&p, ref->group, ref->kind, ref->namespace_, ref->name);
	object_split_key(g->r, g->key, &namespace, &name);
	p.kind = OBJECT_GATEWAY;
	p.object = g->key;
	p.where = p.field = "spec.infrastructure.parametersRef";
	if (own)
		follow(&p, own->group, own->kind, namespace, own->name);
}
