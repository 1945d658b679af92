/* What the translator answers on its control socket. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/document.h"
#include "common/status-document.h"
#include "translator/composed.h"
#include "translator/explain.h"
#include "translator/print.h"
#include "translator/translator.h"
#include "translator/units.h"

#define JSON "application/json"

static void add_string(struct document *d, const char *key, const char *value)
{
	document_key(d, key);
	document_string(d, value);
}

static void add_uint(struct document *d, const char *key, uint64_t value)
{
	document_key(d, key);
	document_uint(d, value);
}

static void add_reasons(struct document *d, const struct strbuf *why)
{
	document_key(d, "reasons");
	document_list(d);
	for (const char *p = strbuf_str(why); *p;) {
		size_t n = strcspn(p, "\n");

		document_string_n(d, p, n);
		p += n + (p[n] == '\n');
	}
	document_end(d);
}

static int on_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct daemon *daemon = ctx;
	struct translator *t = daemon->stage;
	const struct graph_counters *c = graph_counters(t->graph);
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	bool ready = translator_ready(daemon, &why);
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	add_string(&d, "stage", "translator");
	add_string(&d, "state", !ready ? "waiting" : why.len ? "degraded" : "ready");
	document_key(&d, "ready");
	document_bool(&d, ready);
	add_reasons(&d, &why);
	add_uint(&d, "generation", state_generation(t->resources));
	add_uint(&d, "source", state_source(t->resources));
	add_uint(&d, "uptime_seconds", (uint64_t)((clock_monotonic() - t->started) / USEC_PER_SEC));
	add_uint(&d, "objects", state_count(t->objects));
	add_uint(&d, "resources", state_count(t->resources));
	add_uint(&d, "statuses", state_count(t->statuses));
	add_uint(&d, "units_run", c->units_run);
	add_uint(&d, "last_wave_units", c->last_wave_units);
	add_uint(&d, "last_wave_usec", c->last_wave_usec);
	document_end(&d);
	return HTTP_OK;
}

/* One line of /debug/resources: no content, as there may be very many. */
static void list_resource(struct document *d, const struct item *i)
{
	const struct resource_kind_row *row = resource_kind(i->kind);

	document_map(d);
	add_string(d, "kind", row ? row->name : "?");
	add_string(d, "name", item_key(i));
	add_string(d, "version", item_meta(i));
	document_end(d);
}

static void add_object(void *ctx, enum object_kind kind, const char *key)
{
	struct document *d = ctx;
	const struct object_kind_row *row = object_kind(kind);
	_cleanup_free_ char *name = xasprintf("%s/%s", row ? row->kind : "?", key);

	document_string(d, name);
}

static int show_resource(struct translator *t, struct item *const *all, size_t n, const char *kind,
			 const char *name, struct strbuf *out)
{
	for (size_t i = 0; i < n && all[i]->kind < RESOURCE_PART; i++) {
		const struct resource_kind_row *row = resource_kind(all[i]->kind);
		_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;
		struct document d;

		if (!row || strcmp(row->name, kind) != 0 || strcmp(item_key(all[i]), name) != 0)
			continue;
		composed_bytes(all, n, all[i], &bytes);
		document_init(&d, out, DOCUMENT_JSON);
		document_map(&d);
		document_key(&d, "resource");
		(void)print_resource(&d, all[i]->kind, name, item_meta(all[i]),
				     (const uint8_t *)strbuf_str(&bytes), bytes.len, PRINT_REDACT);
		document_key(&d, "made_from");
		document_list(&d);
		graph_provenance(t->graph, all[i]->kind, all[i]->data, all[i]->key_len, add_object, &d);
		document_end(&d);
		document_end(&d);
		return HTTP_OK;
	}
	strbuf_puts(out, "{\"error\":\"there is no such resource\"}\n");
	return HTTP_NOTFOUND;
}

static int on_resources(void *ctx, const char *query, struct strbuf *out)
{
	struct translator *t = ctx;
	_cleanup_free_ struct item **all = NULL;
	const char *kind, *name;
	struct evkeyvalq words;
	struct document d;
	int status = HTTP_OK;
	size_t n;

	all = composed_sorted(t->resources, &n);
	if (evhttp_parse_query_str(query, &words) < 0)
		return HTTP_BADREQUEST;
	kind = evhttp_find_header(&words, "kind");
	name = evhttp_find_header(&words, "name");
	if (name) {
		status = show_resource(t, all, n, kind ? kind : "", name, out);
	} else {
		document_init(&d, out, DOCUMENT_JSON);
		document_list(&d);
		for (size_t i = 0; i < n && all[i]->kind < RESOURCE_PART; i++)
			list_resource(&d, all[i]);
		document_end(&d);
	}
	evhttp_clear_headers(&words);
	return status;
}

static int on_statuses(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct translator *t = ctx;
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	status_document_list(&d, t->statuses);
	return HTTP_OK;
}

static int on_explain(void *ctx, const char *query, struct strbuf *out)
{
	return explain(ctx, query, out);
}

static void metric(struct strbuf *b, const char *name, const char *type, const char *help, uint64_t value)
{
	strbuf_printf(b, "# HELP portolan_translator_%s %s\n# TYPE portolan_translator_%s %s\n"
			 "portolan_translator_%s %llu\n",
		      name, help, name, type, name, (unsigned long long)value);
}

static void on_metrics(void *ctx, struct strbuf *b)
{
	struct translator *t = ctx;
	const struct graph_counters *c = graph_counters(t->graph);
	struct link *links[] = { t->from_watcher, t->to_xds_server };

	metric(b, "objects", "gauge", "Kubernetes objects held.", state_count(t->objects));
	metric(b, "resources", "gauge", "Envoy resources and parts of them made.", state_count(t->resources));
	metric(b, "resource_bytes", "gauge", "Bytes held by them.", state_bytes(t->resources));
	metric(b, "source", "gauge", "The watcher's generation that the resources reflect.",
	       state_source(t->resources));
	metric(b, "cells", "gauge", "Cells of the graph.", c->cells);
	metric(b, "waves_total", "counter", "Times that something changed.", c->waves);
	metric(b, "units_run_total", "counter", "Units of translation run.", c->units_run);
	metric(b, "units_unchanged_total", "counter", "Units run whose output was as before.",
	       c->units_unchanged);
	metric(b, "set_aside", "gauge", "Objects set aside since they crashed the translator.",
	       t->set_aside.n);
	metric(b, "rejects_total", "counter", "Changes that Envoy refused.",
	       quarantine_counters(t->quarantine)->rejects);
	metric(b, "held", "gauge", "Resources and parts of them held back since Envoy refused them.",
	       quarantine_counters(t->quarantine)->held);
	metric(b, "secrets_kept", "gauge", "Secrets that are unusable and whose former certificate is served.",
	       secret_keeper_kept(t->keeper));
	metric(b, "unconfirmed", "gauge", "Changes that not every Envoy has accepted yet.",
	       quarantine_counters(t->quarantine)->pending);
	metric(b, "last_wave_microseconds", "gauge", "Time that the last change took.", c->last_wave_usec);
	strbuf_puts(b, "# HELP portolan_translator_units Units alive, by kind.\n"
		       "# TYPE portolan_translator_units gauge\n");
	for (unsigned k = 0; k < UNIT_KIND_MAX_; k++)
		strbuf_printf(b, "portolan_translator_units{kind=\"%s\"} %llu\n", units[k].name,
			      (unsigned long long)c->units[k]);
	strbuf_puts(b, "# HELP portolan_translator_unit_runs_total Units run, by kind.\n"
		       "# TYPE portolan_translator_unit_runs_total counter\n");
	for (unsigned k = 0; k < UNIT_KIND_MAX_; k++)
		strbuf_printf(b, "portolan_translator_unit_runs_total{kind=\"%s\"} %llu\n", units[k].name,
			      (unsigned long long)c->runs[k]);
	link_metrics_all(links, ARRAY_SIZE(links), b);
}

void translator_pages(struct daemon *d, struct translator *t)
{
	control_add(d->control, "/debug/status", JSON, on_status, d);
	control_add(d->control, "/debug/resources", JSON, on_resources, t);
	control_add(d->control, "/debug/statuses", JSON, on_statuses, t);
	control_add(d->control, "/debug/explain", JSON, on_explain, t);
	control_add_metrics(d->control, on_metrics, t);
}
