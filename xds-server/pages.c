/* What xds-server shows of itself: /debug/status, /debug/envoys, /debug/resources and metrics. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>

#include "common/clock.h"
#include "xds-server/pages.h"

static void json_text(struct strbuf *b, const char *key, const char *value)
{
	strbuf_printf(b, "\"%s\":", key);
	strbuf_json(b, value, strlen(value));
}

/* An array of the lines' strings. */
static void json_lines(struct strbuf *out, const char *lines)
{
	const char *sep = "", *end;

	strbuf_putc(out, '[');
	for (; (end = strchr(lines, '\n')); lines = end + 1, sep = ",") {
		strbuf_puts(out, sep);
		strbuf_json(out, lines, (size_t)(end - lines));
	}
	strbuf_putc(out, ']');
}

static void json_counts(struct strbuf *out, const struct resource_store *s)
{
	const char *sep = "";

	strbuf_putc(out, '{');
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		if (s->tables[k].count) {
			strbuf_printf(out, "%s\"%s\":%zu", sep, resource_kind(k)->name,
				      s->tables[k].count);
			sep = ",";
		}
	strbuf_putc(out, '}');
}

/* The lowest world that some Envoy is at; 0 without Envoys. */
static uint64_t acked_by_all(const struct xds_server *x)
{
	uint64_t least = UINT64_MAX;

	for (const struct client *c = x->clients; c; c = c->next)
		if (c->stream->info.named)
			least = MIN(least, c->stream->info.acked_source);
	return least == UINT64_MAX ? 0 : least;
}

static int on_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct xds_server *x = ctx;
	bool ready = xds_server_ready(x->daemon, &why);

	strbuf_printf(out, "{\"stage\":\"xds-server\",\"state\":\"%s\",\"ready\":%s,\"reasons\":",
		      !ready ? "starting" : why.len ? "degraded" : "running", ready ? "true" : "false");
	json_lines(out, strbuf_str(&why));
	strbuf_printf(out, ",\"generation\":%llu,\"source\":%llu,\"uptime_seconds\":%lld,",
		      (unsigned long long)state_generation(x->state),
		      (unsigned long long)state_source(x->state),
		      (long long)((clock_monotonic() - x->began) / USEC_PER_SEC));
	json_text(out, "xds_address", grpc_listener_address(x->listener));
	strbuf_printf(out, ",\"tls\":%s,\"resources\":", xds_server_options.cert ? "true" : "false");
	json_counts(out, x->store);
	strbuf_printf(out, ",\"resource_bytes\":%zu,\"streams\":%zu,\"acked_source\":%llu",
		      state_bytes(x->state), grpc_listener_streams(x->listener),
		      (unsigned long long)acked_by_all(x));
	strbuf_printf(out, ",\"refused_resources\":%zu",
		      state_count_kind(report_state(x->report), REPORT_REJECT));
	strbuf_printf(out, ",\"saved_state\":%s,\"translator\":{\"connected\":%s,\"in_sync\":%s}}\n",
		      saved_state_current(x->saved) ? "true" : "false",
		      link_connected(x->link) ? "true" : "false",
		      link_in_sync(x->link) ? "true" : "false");
	return 200;
}

/* ---- Envoys ---- */

static void json_subscriptions(struct strbuf *out, const struct stream *s)
{
	const char *sep = "";

	strbuf_putc(out, '{');
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++) {
		const struct subscription *sub = s->subs[k];

		if (!sub)
			continue;
		strbuf_printf(out, "%s\"%s\":{\"wildcard\":%s,\"names\":%u,\"rejected\":%u,"
				   "\"unacknowledged\":%u}",
			      sep, resource_kind(k)->name, sub->wildcard ? "true" : "false", sub->n,
			      sub->rejected, sub->n_flights);
		sep = ",";
	}
	strbuf_putc(out, '}');
}

static void json_client(struct strbuf *out, const struct client *c)
{
	const struct stream_info *i = &c->stream->info;

	strbuf_printf(out, "{\"stream\":%llu,", (unsigned long long)c->number);
	json_text(out, "node_id", i->node_id);
	strbuf_putc(out, ',');
	json_text(out, "node_cluster", i->node_cluster);
	strbuf_putc(out, ',');
	json_text(out, "agent", i->agent);
	strbuf_printf(out, ",\"newer\":%s,", i->newer ? "true" : "false");
	json_text(out, "peer", c->peer);
	strbuf_putc(out, ',');
	json_text(out, "protocol", c->protocol);
	strbuf_printf(out,
		      ",\"connected_usec\":%lld,\"acked_source\":%llu,\"acked_usec\":%lld,"
		      "\"nacked_usec\":%lld,\"sent\":%llu,\"acks\":%llu,\"nacks\":%llu,\"bytes\":%llu,"
		      "\"outstanding\":%zu,",
		      (long long)c->connected_usec, (unsigned long long)i->acked_source,
		      (long long)i->acked_usec, (long long)i->nacked_usec, (unsigned long long)i->sent,
		      (unsigned long long)i->acks, (unsigned long long)i->nacks,
		      (unsigned long long)i->bytes, stream_outstanding(c->stream));
	json_text(out, "last_reject", i->last_reject);
	strbuf_puts(out, ",\"types\":");
	json_subscriptions(out, c->stream);
	strbuf_putc(out, '}');
}

static int on_envoys(void *ctx, const char *query _unused_, struct strbuf *out)
{
	const struct xds_server *x = ctx;

	strbuf_putc(out, '[');
	for (const struct client *c = x->clients; c; c = c->next) {
		strbuf_puts(out, c == x->clients ? "\n" : ",\n");
		json_client(out, c);
	}
	strbuf_puts(out, "]\n");
	return 200;
}

static bool refuses_something(const struct stream *s)
{
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		if (s->subs[k] && s->subs[k]->rejected)
			return true;
	return false;
}

/* As many Envoys as asked for (one, if that is not said) have answered all of the world. */
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

/* /debug/answered?source=N&count=M: the page of Envoys, as soon as M of them have accepted world N, or
 * refused some of it and been told all the rest. */
static const struct control_wait_ops answered_ops = {
	.path = "/debug/answered",
	.reached = world_answered,
	.describe = describe_envoys,
};

/* ---- who has what ---- */

/* "KIND NAME", as /debug/resources has them; NULL if nobody has heard of it. */
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

static bool refuses(const struct stream *s, const struct resource *r)
{
	const struct subscription *sub = s->subs[r->kind];
	const struct entry *e = sub ? subscription_find(sub, r->id) : NULL;

	return e && e->flags & ENTRY_REJECTED;
}

static void json_acceptance(struct strbuf *out, const struct xds_server *x, const struct client *c,
			    const struct evkeyvalq *words)
{
	const struct stream_info *i = &c->stream->info;
	size_t accepted = 0, waiting = 0;
	const char *sep = "";

	strbuf_printf(out, "{\"stream\":%llu,", (unsigned long long)c->number);
	json_text(out, "node_id", i->node_id);
	strbuf_putc(out, ',');
	json_text(out, "peer", c->peer);
	strbuf_printf(out, ",\"acked_source\":%llu,\"refused\":[", (unsigned long long)i->acked_source);
	for (const struct evkeyval *w = words->tqh_first; w; w = w->next.tqe_next) {
		struct resource *r = find_resource(x->store, w->value);
		int accepts = r && r->item ? stream_accepts(c->stream, r) : 0;

		accepted += accepts == 1;
		if (accepts < 0 && refuses(c->stream, r)) {
			strbuf_puts(out, sep);
			strbuf_json(out, w->value, strlen(w->value));
			sep = ",";
		} else {
			waiting += accepts < 0;
		}
	}
	strbuf_printf(out, "],\"accepted\":%zu,\"waiting\":%zu}", accepted, waiting);
}

/* /debug/accepted?resource=KIND NAME&resource=…: what each Envoy makes of these, as they are now. Those that
 * it did not ask for, or is sent in another form, are in none of the numbers. */
static int on_accepted(void *ctx, const char *query, struct strbuf *out)
{
	const struct xds_server *x = ctx;
	const char *sep = "\n";
	struct evkeyvalq words;

	if (evhttp_parse_query_str(query, &words) < 0)
		return 400;
	strbuf_putc(out, '[');
	for (const struct client *c = x->clients; c; c = c->next) {
		if (!c->stream->info.named)
			continue;
		strbuf_puts(out, sep);
		json_acceptance(out, x, c, &words);
		sep = ",\n";
	}
	strbuf_puts(out, "]\n");
	evhttp_clear_headers(&words);
	return 200;
}

/* ---- resources ---- */

static int on_resources(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct xds_server *x = ctx;
	const char *sep = "\n";
	size_t n;

	strbuf_putc(out, '[');
	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++) {
		struct resource **all = resource_store_sorted(x->store, k, &n);

		for (size_t i = 0; i < n; i++, sep = ",\n") {
			strbuf_printf(out, "%s{\"kind\":\"%s\",\"name\":", sep, resource_kind(k)->name);
			strbuf_json(out, all[i]->name, all[i]->name_len);
			strbuf_puts(out, ",\"version\":");
			strbuf_json(out, item_meta(all[i]->item), all[i]->item->meta_len);
			strbuf_printf(out, ",\"bytes\":%zu}", resource_encoded_size(all[i], NULL));
		}
	}
	strbuf_puts(out, "]\n");
	return 200;
}

/* ---- metrics ---- */

/* One counter a kind; the field is found by its offset. */
static const struct {
	const char *name;
	size_t offset;
} counters[] = {
	{ "requests", offsetof(struct stream_kind_stats, requests) },
	{ "responses", offsetof(struct stream_kind_stats, responses) },
	{ "resources_sent", offsetof(struct stream_kind_stats, resources) },
	{ "removals_sent", offsetof(struct stream_kind_stats, removals) },
	{ "sent_bytes", offsetof(struct stream_kind_stats, bytes) },
	{ "acks", offsetof(struct stream_kind_stats, acks) },
	{ "nacks", offsetof(struct stream_kind_stats, nacks) },
};

static void counter(struct strbuf *b, const char *name, uint64_t value)
{
	strbuf_printf(b, "# TYPE portolan_xds_%s_total counter\nportolan_xds_%s_total %llu\n", name, name,
		      (unsigned long long)value);
}

static void kind_counters(struct strbuf *b, const struct stream_stats *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		strbuf_printf(b, "# TYPE portolan_xds_%s_total counter\n", counters[i].name);
		for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++) {
			const char *field = (const char *)&s->kinds[k] + counters[i].offset;

			strbuf_printf(b, "portolan_xds_%s_total{type=\"%s\"} %llu\n", counters[i].name,
				      resource_kind(k)->xds,
				      (unsigned long long)*(const uint64_t *)(const void *)field);
		}
	}
}

static void histogram(struct strbuf *b, const struct stream_stats *s)
{
	static const char name[] = "portolan_xds_commit_to_ack_seconds";

	strbuf_printf(b, "# TYPE %s histogram\n", name);
	for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++) {
		const struct stream_kind_stats *ks = &s->kinds[k];
		const char *type = resource_kind(k)->xds;
		uint64_t n = 0;

		if (!ks->n_observed)
			continue;
		for (size_t i = 0; i < STREAM_BUCKETS; i++) {
			n += ks->buckets[i];
			strbuf_printf(b, "%s_bucket{type=\"%s\",le=\"%g\"} %llu\n", name, type,
				      stream_buckets[i], (unsigned long long)n);
		}
		strbuf_printf(b, "%s_bucket{type=\"%s\",le=\"+Inf\"} %llu\n%s_sum{type=\"%s\"} %.6f\n"
				 "%s_count{type=\"%s\"} %llu\n",
			      name, type, (unsigned long long)ks->n_observed, name, type,
			      ks->seconds_observed, name, type, (unsigned long long)ks->n_observed);
	}
}

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct xds_server *x = ctx;

	strbuf_puts(out, "# TYPE portolan_xds_resources gauge\n");
	for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++)
		strbuf_printf(out, "portolan_xds_resources{type=\"%s\"} %zu\n", resource_kind(k)->xds,
			      x->store->tables[k].count);
	strbuf_printf(out,
		      "# TYPE portolan_xds_resource_bytes gauge\n"
		      "portolan_xds_resource_bytes %zu\n"
		      "# TYPE portolan_xds_encoded_bytes gauge\n"
		      "portolan_xds_encoded_bytes %zu\n"
		      "# TYPE portolan_xds_buffer_bytes gauge\n"
		      "portolan_xds_buffer_bytes %zu\n"
		      "# TYPE portolan_xds_world gauge\n"
		      "portolan_xds_world %llu\n"
		      "# TYPE portolan_xds_acked_world gauge\n"
		      "portolan_xds_acked_world %llu\n"
		      "# TYPE portolan_xds_refused_resources gauge\n"
		      "portolan_xds_refused_resources %zu\n",
		      state_bytes(x->state), x->store->encoded_bytes, buffer_total(),
		      (unsigned long long)state_source(x->state), (unsigned long long)acked_by_all(x),
		      state_count_kind(report_state(x->report), REPORT_REJECT));
	kind_counters(out, &x->stats);
	histogram(out, &x->stats);
	counter(out, "worlds", x->store->turn);
	counter(out, "stale_answers", x->stats.stale);
	counter(out, "unknown_types", x->stats.unknown_types);
	counter(out, "ordering_timeouts", x->stats.gate_timeouts);
	counter(out, "batches_split", x->stats.splits);
	counter(out, "refusals_dropped", report_dropped(x->report));
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
	control_add(c, "/debug/resources", "application/json", on_resources, x);
	control_add_metrics(c, on_metrics, x);
	x->answered = control_wait_new_for(x->daemon->loop, c, &answered_ops, x);
}
