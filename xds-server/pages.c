/* xds-server's pages about itself: /debug/status, /debug/envoys, /debug/resources and metrics. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/document.h"
#include "common/base/metric.h"
#include "xds-server/pages.h"

static void put_counts(struct document *d, const struct resource_store *s)
{
	document_key(d, "resources");
	document_map(d);
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		if (s->tables[k].count)
			document_put_uint(d, resource_kind(k)->name, s->tables[k].count);
	document_end(d);
}

/* The lowest world that some Envoy is at; 0 without Envoys. Those of a fleet that does not exist
 * wait for it. */
static uint64_t acked_by_all(const struct xds_server *x)
{
	uint64_t least = UINT64_MAX;

	for (const struct client *c = x->clients; c; c = c->next)
		if (c->stream->info.named && c->stream->fleet->exists)
			least = MIN(least, c->stream->info.acked_source);
	return least == UINT64_MAX ? 0 : least;
}

static void put_translator(struct document *d, const struct xds_server *x)
{
	document_key(d, "translator");
	document_map(d);
	document_put_bool(d, "connected", link_connected(x->link));
	document_put_bool(d, "in_sync", link_in_sync(x->link));
	document_end(d);
}

static int on_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct xds_server *x = ctx;
	bool ready = xds_server_ready(x->daemon, &why);
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	document_put_string(&d, "stage", "xds-server");
	document_put_string(&d, "state", !ready ? "starting" : why.len ? "degraded" : "running");
	document_put_bool(&d, "ready", ready);
	document_put_lines(&d, "reasons", strbuf_str(&why));
	document_put_uint(&d, "generation", state_generation(x->state));
	document_put_uint(&d, "source", state_source(x->state));
	document_put_int(&d, "uptime_seconds", (clock_monotonic() - x->began) / USEC_PER_SEC);
	document_put_string(&d, "xds_address", grpc_listener_address(x->listener));
	document_put_bool(&d, "tls", xds_server_options.cert != NULL);
	put_counts(&d, x->store);
	document_put_uint(&d, "resource_bytes", state_bytes(x->state));
	document_put_uint(&d, "streams", grpc_listener_streams(x->listener));
	document_put_uint(&d, "fleets", 1 + state_count_kind(x->state, RESOURCE_FLEET));
	document_put_uint(&d, "acked_source", acked_by_all(x));
	document_put_uint(&d, "refused_resources",
			  state_count_kind(report_state(x->report), REPORT_REJECT));
	document_put_bool(&d, "saved_state", saved_state_current(x->saved));
	put_translator(&d, x);
	document_end(&d);
	return 200;
}

/* ---- Envoys ---- */

static void put_subscriptions(struct document *d, const struct stream *s)
{
	document_key(d, "types");
	document_map(d);
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++) {
		const struct subscription *sub = s->subs[k];

		if (!sub)
			continue;
		document_key(d, resource_kind(k)->name);
		document_map(d);
		document_put_bool(d, "wildcard", sub->wildcard);
		document_put_uint(d, "names", sub->n);
		document_put_uint(d, "rejected", sub->rejected);
		/* A client of the other protocol does not say what it holds from earlier. */
		if (s->c.delta)
			document_put_uint(d, "lacking", subscription_lacking(sub));
		document_put_uint(d, "unacknowledged", sub->n_flights);
		document_end(d);
	}
	document_end(d);
}

static void put_client(struct document *d, const struct client *c)
{
	const struct stream_info *i = &c->stream->info;

	document_map(d);
	document_put_uint(d, "stream", c->number);
	document_put_string(d, "node_id", i->node_id);
	document_put_string(d, "node_cluster", i->node_cluster);
	document_put_string(d, "fleet", c->stream->fleet ? c->stream->fleet->name : "");
	document_put_bool(d, "fleet_exists", c->stream->fleet && c->stream->fleet->exists);
	document_put_string(d, "agent", i->agent);
	document_put_bool(d, "newer", i->newer);
	document_put_string(d, "peer", c->peer);
	document_put_string(d, "protocol", c->protocol);
	document_put_int(d, "connected_usec", c->connected_usec);
	document_put_uint(d, "acked_source", i->acked_source);
	document_put_int(d, "acked_usec", i->acked_usec);
	document_put_int(d, "nacked_usec", i->nacked_usec);
	document_put_uint(d, "sent", i->sent);
	document_put_uint(d, "acks", i->acks);
	document_put_uint(d, "nacks", i->nacks);
	document_put_uint(d, "bytes", i->bytes);
	document_put_uint(d, "outstanding", stream_outstanding(c->stream));
	document_put_string(d, "last_reject", i->last_reject);
	put_subscriptions(d, c->stream);
	document_end(d);
}

static int on_envoys(void *ctx, const char *query _unused_, struct strbuf *out)
{
	const struct xds_server *x = ctx;
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_list(&d);
	for (const struct client *c = x->clients; c; c = c->next)
		put_client(&d, c);
	document_end(&d);
	return 200;
}

static bool refuses_something(const struct stream *s)
{
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		if (s->subs[k] && s->subs[k]->rejected)
			return true;
	return false;
}

/* At least as many Envoys as asked for (default one) have answered everything up to the world. */
static bool world_answered(void *ctx, const struct control_wait_query *query)
{
	const struct xds_server *x = ctx;
	uint64_t n = 0;

	if (!state_complete(x->state) || state_source(x->state) < query->source)
		return false;
	for (const struct client *c = x->clients; c; c = c->next)
		n += c->stream->info.named &&
		     (c->stream->info.acked_source >= query->source ||
		      (refuses_something(c->stream) && !stream_outstanding(c->stream)));
	return n >= MAX(query->count, (uint64_t)1);
}

static void describe_envoys(void *ctx, struct strbuf *out)
{
	(void)on_envoys(ctx, "", out);
}

/* /debug/answered?source=N&count=M: the page of Envoys, as soon as M of them have accepted world N,
 * or refused some of it and been sent all the rest. */
static const struct control_wait_ops answered_ops = {
	.path = "/debug/answered",
	.reached = world_answered,
	.describe = describe_envoys,
};

/* ---- resources by Envoy ---- */

/* "KIND NAME", as /debug/resources has them; NULL if there is no such resource. */
static struct resource *find_resource(const struct resource_store *s, const char *text)
{
	size_t n = strcspn(text, " ");

	for (unsigned k = 1; text[n] && k < RESOURCE_KIND_MAX_; k++) {
		const struct resource_kind_row *row = resource_kind(k);

		if (row && strlen(row->name) == n && memcmp(row->name, text, n) == 0)
			return resource_store_find(s, k, text + n + 1, strlen(text + n + 1));
	}
	return NULL;
}

static void put_acceptance(struct document *d, const struct xds_server *x, const struct client *c,
			   const struct evkeyvalq *words)
{
	const struct stream_info *i = &c->stream->info;
	size_t accepted = 0, waiting = 0;
	bool concerned = false;

	document_map(d);
	document_put_uint(d, "stream", c->number);
	document_put_string(d, "node_id", i->node_id);
	document_put_string(d, "peer", c->peer);
	document_put_uint(d, "acked_source", i->acked_source);
	document_key(d, "refused");
	document_list(d);
	for (const struct evkeyval *w = words->tqh_first; w; w = w->next.tqe_next) {
		struct resource *r = find_resource(x->store, w->value);
		enum stream_stand stand = r && r->item ? stream_stand(c->stream, r) : STAND_NONE;

		concerned |= r && r->item && fleet_set_has(r->fleets, c->stream->fleet);
		accepted += stand == STAND_ACCEPTS;
		waiting += stand == STAND_UNDECIDED;
		if (stand == STAND_REFUSES)
			document_string(d, w->value);
	}
	document_end(d);
	document_put_uint(d, "accepted", accepted);
	document_put_uint(d, "waiting", waiting);
	/* The Envoy's fleet needs one of the resources. */
	document_put_bool(d, "concerned", concerned);
	document_end(d);
}

/* /debug/accepted?resource=KIND NAME&resource=…: for each Envoy, how many of these resources it has
 * accepted or refused in their present version. No number counts a resource that an Envoy did not
 * ask for, or gets in another form. */
static int on_accepted(void *ctx, const char *query, struct strbuf *out)
{
	const struct xds_server *x = ctx;
	struct evkeyvalq words;
	struct document d;

	if (evhttp_parse_query_str(query, &words) < 0)
		return 400;
	document_init(&d, out, DOCUMENT_JSON);
	document_list(&d);
	for (const struct client *c = x->clients; c; c = c->next)
		if (c->stream->info.named)
			put_acceptance(&d, x, c, &words);
	document_end(&d);
	evhttp_clear_headers(&words);
	return 200;
}

/* ---- resources ---- */

/* The fleets that get it, if that is not just the default fleet. */
static void put_fleets(struct document *d, const struct fleet_set *set)
{
	if (!set)
		return;
	document_key(d, "fleets");
	document_list(d);
	for (size_t i = 0; i < set->n; i++)
		document_string(d, set->all[i]->name);
	document_end(d);
}

static void put_resource(struct document *d, unsigned kind, struct resource *r)
{
	document_map(d);
	document_put_string(d, "kind", resource_kind(kind)->name);
	document_key(d, "name");
	document_string_n(d, r->name, r->name_len);
	document_key(d, "version");
	document_string_n(d, item_meta(r->item), r->item->meta_len);
	document_put_uint(d, "bytes", resource_encoded_size(r, NULL));
	put_fleets(d, r->fleets);
	document_end(d);
}

static int on_resources(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct xds_server *x = ctx;
	struct document d;
	size_t n;

	document_init(&d, out, DOCUMENT_JSON);
	document_list(&d);
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++) {
		struct resource **all = resource_store_sorted(x->store, k, &n);

		for (size_t i = 0; i < n; i++)
			put_resource(&d, k, all[i]);
	}
	document_end(&d);
	return 200;
}

/* ---- changes ---- */

static int on_changes(void *ctx, const char *query _unused_, struct strbuf *out)
{
	const struct xds_server *x = ctx;
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	change_log_document(&x->changes, &d);
	return 200;
}

/* ---- metrics ---- */

/* One counter a kind; the field is found by its offset. */
static const struct {
	enum metric metric;
	size_t offset;
} counters[] = {
	{ METRIC_XDS_REQUESTS, offsetof(struct stream_kind_stats, requests) },
	{ METRIC_XDS_RESPONSES, offsetof(struct stream_kind_stats, responses) },
	{ METRIC_XDS_RESOURCES_SENT, offsetof(struct stream_kind_stats, resources) },
	{ METRIC_XDS_REMOVALS_SENT, offsetof(struct stream_kind_stats, removals) },
	{ METRIC_XDS_SENT_BYTES, offsetof(struct stream_kind_stats, bytes) },
	{ METRIC_XDS_ACKS, offsetof(struct stream_kind_stats, acks) },
	{ METRIC_XDS_NACKS, offsetof(struct stream_kind_stats, nacks) },
};

static void kind_metrics(struct strbuf *out, const struct stream_stats *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		metric_family(out, counters[i].metric);
		for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++) {
			const char *field = (const char *)&s->kinds[k] + counters[i].offset;

			metric_sample(out, counters[i].metric,
				      *(const uint64_t *)(const void *)field,
				      resource_kind(k)->xds);
		}
	}
	metric_family(out, METRIC_XDS_COMMIT_TO_ACK);
	for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++)
		metric_histogram(out, METRIC_XDS_COMMIT_TO_ACK, &s->kinds[k].commit_to_ack,
				 &resource_kind(k)->xds, 1);
}

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct xds_server *x = ctx;

	metric_family(out, METRIC_XDS_RESOURCES);
	for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++)
		metric_sample(out, METRIC_XDS_RESOURCES, x->store->tables[k].count,
			      resource_kind(k)->xds);
	metric_single(out, METRIC_XDS_RESOURCE_BYTES, state_bytes(x->state));
	metric_single(out, METRIC_XDS_ENCODED_BYTES, x->store->encoded_bytes);
	metric_single(out, METRIC_XDS_BUFFER_BYTES, buffer_total());
	metric_single(out, METRIC_XDS_WORLD, state_source(x->state));
	metric_single(out, METRIC_XDS_ACKED_WORLD, acked_by_all(x));
	metric_single(out, METRIC_XDS_REFUSED_RESOURCES,
		      state_count_kind(report_state(x->report), REPORT_REJECT));
	kind_metrics(out, &x->stats);
	metric_family(out, METRIC_EVENT_TO_ACK);
	metric_histogram(out, METRIC_EVENT_TO_ACK, &x->changes.event_to_ack, NULL, 0);
	metric_single(out, METRIC_XDS_WORLDS, x->store->turn);
	metric_single(out, METRIC_XDS_STALE_ANSWERS, x->stats.stale);
	metric_single(out, METRIC_XDS_UNKNOWN_TYPES, x->stats.unknown_types);
	metric_single(out, METRIC_XDS_ORDERING_TIMEOUTS, x->stats.gate_timeouts);
	metric_single(out, METRIC_XDS_BATCHES_SPLIT, x->stats.splits);
	metric_single(out, METRIC_XDS_REFUSALS_DROPPED, report_dropped(x->report));
	grpc_listener_metrics(x->listener, out);
	saved_state_metrics(x->saved, out);
	link_metrics(x->link, out);
}

void pages_add(struct xds_server *x)
{
	struct control *c = x->daemon->control;

	control_add(c, "/debug/status", "application/json", on_status, x);
	control_add(c, "/debug/envoys", "application/json", on_envoys, x);
	control_add(c, "/debug/accepted", "application/json", on_accepted, x);
	control_add(c, "/debug/changes", "application/json", on_changes, x);
	control_add(c, "/debug/resources", "application/json", on_resources, x);
	control_add_metrics(c, on_metrics, x);
	x->answered = control_wait_new_for(x->daemon->loop, c, &answered_ops, x);
}
