/* Puts leader election and the two writers together. Used by the watcher's Kubernetes source. */
#include <errno.h>
#include <event2/util.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"

#include "watcher/provision/provision.h"
#include "watcher/status/event-writer.h"
#include "watcher/status/gateway-status.h"
#include "watcher/status/kube-writers.h"
#include "watcher/status/lease.h"
#include "watcher/status/publish-address.h"
#include "watcher/status/status-writer.h"

/* Reading uses the same connection; the API server limits us by itself, too. */
#define WRITES_PER_SECOND 200
#define WRITES_IN_FLIGHT  8
#define EVENTS_PER_SECOND 10
#define EVENTS_QUEUED     1000

struct kube_writers {
	struct lease *lease; /* NULL: we are the only one */
	bool leader;
	struct publish_address *address;
	struct status_writer *statuses;
	struct event_writer *events;
	struct provision *provision;
	const struct kube_writers_ops *ops;
	void *ctx;
	struct state *all; /* every status, for the day when we become leader */
	const struct kube_writers_config *options;
	const char *own_namespace;
	struct state *store_objects; /* the configuration is among them */
	struct state_observer on_objects;
	bool configured; /* a configuration came or went, and is committed next */
	bool depended;   /* likewise another object that objects of Gateways depend on */
};

bool kube_writers_wants(unsigned kind)
{
	return status_writer_wants(kind);
}

bool kube_writers_want_json(unsigned kind)
{
	return gateway_status_is_json(kind);
}

void kube_writers_object(struct kube_writers *w, const struct kube_object *object)
{
	status_writer_object(w->statuses, object);
}

void kube_writers_status(struct kube_writers *w, const struct item *before,
			 const struct item *after)
{
	const struct item *i = after ? after : before;
	struct item *mutable = (struct item *)(uintptr_t)after;

	if (i->kind == OBJECT_DESIRED) {
		provision_desired(w->provision, item_key(i), i->key_len, mutable);
		return;
	}
	status_writer_set(w->statuses, i->kind, item_key(i), i->key_len, mutable);
	event_writer_status(w->events, before, after);
	if (mutable)
		(void)state_put(w->all, item_ref(mutable));
	else
		(void)state_remove(w->all, i->kind, item_key(i), i->key_len);
	if (i->kind == OBJECT_GATEWAY || i->kind == OBJECT_GATEWAY_CLASS)
		provision_decided(w->provision, i->kind, item_key(i), i->key_len);
}

static void on_leader(void *ctx, bool leader)
{
	struct kube_writers *w = ctx;
	_cleanup_free_ struct item **all = NULL;
	size_t n;

	w->leader = leader;
	status_writer_leader(w->statuses, leader);
	event_writer_leader(w->events, leader);
	provision_leader(w->provision, leader);
	if (!leader)
		return;
	all = state_sorted(w->all, &n);
	for (size_t i = 0; i < n; i++)
		event_writer_status(w->events, NULL, all[i]);
}

static void on_address(void *ctx)
{
	struct kube_writers *w = ctx;

	if (w->statuses)
		status_writer_address(w->statuses);
}

/* ---- the published address ---- */

/* Options count more than the configuration. */
static int publish(struct kube_writers *w)
{
	const struct item *i = state_get(w->store_objects, OBJECT_CONTOUR_CONFIGURATION,
					 CONFIGURATION_KEY, strlen(CONFIGURATION_KEY));
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	const K8s__ContourConfiguration *c;
	const K8s__ConfigReference *service;

	if (w->options->publish_address || w->options->publish_service)
		return publish_address_set(w->address, w->options->publish_address,
					   w->options->publish_service);
	c = i ? k8s__contour_configuration__unpack(arena_pb(a), i->value_len, item_value(i)) : NULL;
	if (!c || !c->spec)
		return publish_address_set(w->address, NULL, NULL);
	configuration_fill(a, c->spec);
	if (*c->spec->ingress->status_address)
		return publish_address_set(w->address, c->spec->ingress->status_address, NULL);
	service = c->spec->envoy->service;
	if (!service)
		return publish_address_set(w->address, NULL, NULL);
	return publish_address_set(w->address, NULL,
				   arena_printf(a, "%s/%s",
						*service->namespace_ ? service->namespace_
								     : w->own_namespace,
						*service->name ? service->name : "envoy"));
}

static void on_object(void *ctx, struct item *before, struct item *after)
{
	struct kube_writers *w = ctx;
	const struct item *i = after ? after : before;

	if (i->kind == OBJECT_CONTOUR_CONFIGURATION && strcmp(item_key(i), CONFIGURATION_KEY) == 0)
		w->configured = true;
	/* Objects have Gateways as owners, and certificates an authority. */
	if (i->kind == OBJECT_GATEWAY || i->kind == OBJECT_GATEWAY_CLASS ||
	    i->kind == OBJECT_SECRET)
		w->depended = true;
}

/* A word that is wrong upgrades nothing. */
static enum provision_upgrades upgrades_of(const char *word)
{
	if (strcmp(word, "one-at-a-time") == 0)
		return UPGRADES_ONE_AT_A_TIME;
	return strcmp(word, "at-once") == 0 ? UPGRADES_AT_ONCE : UPGRADES_HELD;
}

/* Whether the present configuration gives Gateways their own Envoys. */
static void configure_provision(struct kube_writers *w)
{
	const struct item *i = state_get(w->store_objects, OBJECT_CONTOUR_CONFIGURATION,
					 CONFIGURATION_KEY, strlen(CONFIGURATION_KEY));
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	const K8s__ContourConfiguration *c =
		i ? k8s__contour_configuration__unpack(arena_pb(a), i->value_len, item_value(i))
		  : NULL;
	const K8s__ConfigPortolanGateway *g;

	if (!c || !c->spec)
		return;
	configuration_fill(a, c->spec);
	g = c->spec->portolan->gateway;
	provision_enable(w->provision, g->provisioning && *g->xds_address, g->xds_authority,
			 g->controller_name, upgrades_of(g->envoy_upgrades));
}

bool kube_writers_complete(struct kube_writers *w)
{
	configure_provision(w);
	if (!provision_synced(w->provision))
		return false;
	/* Part of the first world: otherwise statuses would say at each start that nothing
	 * works. */
	provision_tell(w->provision);
	return true;
}

static void on_commit(void *ctx)
{
	struct kube_writers *w = ctx;

	if (w->configured) {
		(void)publish(w);
		configure_provision(w);
	}
	if (w->depended)
		provision_look_again(w->provision);
	w->configured = w->depended = false;
}

static void tell(void *ctx, const char *gateway, size_t len, struct item *infrastructure)
{
	struct kube_writers *w = ctx;

	w->ops->tell(w->ctx, OBJECT_INFRASTRUCTURE, gateway, len, infrastructure);
}

static void on_synced(void *ctx)
{
	struct kube_writers *w = ctx;

	w->ops->complete(w->ctx);
}

static char *make_identity(void)
{
	char host[256] = "portolan";
	unsigned char random[8];
	unsigned long long id;

	(void)gethostname(host, sizeof(host) - 1);
	evutil_secure_rng_get_bytes(random, sizeof(random));
	memcpy(&id, random, sizeof(id));
	return xasprintf("%s_%016llx", host, id);
}

static int open_address(struct kube_writers *w, struct event_loop *loop, struct http *http)
{
	if (w->options->publish_address && w->options->publish_service) {
		log_error("--publish-address and --publish-service: give one of them");
		return -EINVAL;
	}
	w->address = publish_address_new(loop, http, on_address, w);
	w->on_objects = (struct state_observer){ on_object, on_commit, w, NULL };
	state_observe(w->store_objects, &w->on_objects);
	return publish(w);
}

int kube_writers_new(struct event_loop *loop, struct http *http, const struct kube_access *access,
		     struct kube_objects *objects, struct state *store_objects,
		     const struct kube_writers_config *config, const struct kube_writers_ops *ops,
		     void *ctx, struct kube_writers **ret)
{
	struct kube_writers *w = xnew(struct kube_writers, 1);
	_cleanup_free_ char *identity = make_identity();
	struct status_writer_config statuses = { .loop = loop,
						 .http = http,
						 .objects = objects,
						 .writes_per_second = WRITES_PER_SECOND,
						 .in_flight_max = WRITES_IN_FLIGHT };
	struct event_writer_config events = { .loop = loop,
					      .http = http,
					      .objects = objects,
					      .identity = identity,
					      .events_per_second = EVENTS_PER_SECOND,
					      .queue_max = EVENTS_QUEUED };
	struct lease_config lease = { .loop = loop,
				      .http = http,
				      .namespace = config->lease_namespace
							   ? config->lease_namespace
							   : kube_access_own_namespace(access),
				      .name = config->lease_name ? config->lease_name : "portolan",
				      .identity = identity,
				      .changed = on_leader,
				      .ctx = w };
	struct provision_config provision = { .loop = loop,
					      .http = http,
					      .objects = objects,
					      .store = store_objects,
					      .own_namespace = lease.namespace,
					      .tell = tell,
					      .synced = on_synced,
					      .ctx = w };
	int r;

	w->ops = ops;
	w->ctx = ctx;
	w->all = state_new();
	provision.statuses = w->all;
	w->provision = provision_new(&provision);
	w->options = config;
	w->own_namespace = kube_access_own_namespace(access);
	w->store_objects = store_objects;
	r = open_address(w, loop, http);
	if (r < 0) {
		kube_writers_free(w);
		return r;
	}
	statuses.address = w->address;
	w->statuses = status_writer_new(&statuses);
	w->events = event_writer_new(&events);
	if (config->no_leader_election)
		on_leader(w, true);
	else
		w->lease = lease_new(&lease);
	*ret = w;
	return 0;
}

void kube_writers_free(struct kube_writers *w)
{
	if (!w)
		return;
	lease_free(w->lease);
	status_writer_free(w->statuses);
	event_writer_free(w->events);
	provision_free(w->provision);
	if (w->address)
		state_unobserve(w->store_objects, &w->on_objects);
	publish_address_free(w->address);
	state_free(w->all);
	free(w);
}

void kube_writers_metrics(const struct kube_writers *w, struct strbuf *out)
{
	const struct status_writer_counters *s = status_writer_counters(w->statuses);
	const struct event_writer_counters *e = event_writer_counters(w->events);

	metric_single(out, METRIC_KUBE_LEADER, w->leader);
	metric_single(out, METRIC_KUBE_STATUS_WRITES, s->written);
	metric_single(out, METRIC_KUBE_STATUS_UNCHANGED, s->unchanged);
	metric_single(out, METRIC_KUBE_STATUS_CONFLICTS, s->conflicts);
	metric_single(out, METRIC_KUBE_STATUS_FAILURES, s->failures);
	metric_single(out, METRIC_KUBE_STATUS_WAITING, s->waiting);
	metric_single(out, METRIC_KUBE_EVENT_WRITES, e->written);
	metric_single(out, METRIC_KUBE_EVENT_REPEATS, e->repeated);
	metric_single(out, METRIC_KUBE_EVENT_DROPS, e->dropped);
	metric_single(out, METRIC_KUBE_EVENT_FAILURES, e->failures);
	provision_metrics(w->provision, out);
}

void kube_writers_why(const struct kube_writers *w, struct strbuf *out)
{
	provision_why(w->provision, out);
}

void kube_writers_debug(const struct kube_writers *w, struct document *d)
{
	document_put_bool(d, "leader", w->leader);
	provision_debug(w->provision, d);
}
