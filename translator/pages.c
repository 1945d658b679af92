/* The translator's answers on its control socket. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/document.h"
#include "common/base/metric.h"
#include "common/decode/status-document.h"
#include "proto/model-names.h"
#include "proto/model.pb-c.h"
#include "translator/explain/explain.h"
#include "translator/kinds.h"
#include "translator/print/composed.h"
#include "translator/print/print.h"
#include "translator/translator.h"
#include "translator/units.h"

#define JSON "application/json"

static void write_option(struct document *d, const char *name, const char *value)
{
	_cleanup_free_ char *text =
		xasprintf("--%s%s%s", name, value ? "=" : "", value ? value : "");

	document_string(d, text);
}

/* What was given on the command line, for those that translate files as this translator would. */
static void write_options(struct document *d, const struct option_row *rows)
{
	document_key(d, "options");
	document_list(d);
	for (const struct option_row *o = rows; o->name; o++) {
		const struct option_list *list = o->target;
		char number[16];

		switch (o->type) {
		case OPTION_FLAG:
			if (*(const bool *)o->target)
				write_option(d, o->name, NULL);
			break;
		case OPTION_UINT:
			(void)snprintf(number, sizeof(number), "%u", *(const unsigned *)o->target);
			if (*(const unsigned *)o->target)
				write_option(d, o->name, number);
			break;
		case OPTION_LIST:
			for (unsigned i = 0; i < list->n; i++)
				write_option(d, o->name, list->words[i]);
			break;
		case OPTION_STRING:
		case OPTION_MAYBE:
			if (*(const char *const *)o->target)
				write_option(d, o->name, *(const char *const *)o->target);
			break;
		}
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
	document_put_string(&d, "stage", "translator");
	document_put_string(&d, "state", !ready ? "waiting" : why.len ? "degraded" : "ready");
	document_put_bool(&d, "ready", ready);
	document_put_lines(&d, "reasons", strbuf_str(&why));
	document_put_uint(&d, "generation", state_generation(t->resources));
	document_put_uint(&d, "source", state_source(t->resources));
	document_put_uint(&d, "uptime_seconds",
			  (uint64_t)((clock_monotonic() - t->started) / USEC_PER_SEC));
	document_put_uint(&d, "objects", state_count(t->objects));
	document_put_uint(&d, "resources", state_count(t->resources));
	document_put_uint(&d, "statuses", state_count(t->statuses));
	document_put_uint(&d, "units_run", c->units_run);
	document_put_uint(&d, "last_wave_units", c->last_wave_units);
	document_put_uint(&d, "last_wave_usec", c->last_wave_usec);
	write_options(&d, daemon->def->options);
	document_end(&d);
	return HTTP_OK;
}

/* One line of /debug/resources: no content, as there may be very many. */
static void list_resource(struct document *d, const struct item *i)
{
	const struct resource_kind_row *row = resource_kind(i->kind);

	document_map(d);
	document_put_string(d, "kind", row->name);
	document_put_string(d, "name", item_key(i));
	document_put_string(d, "version", item_meta(i));
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
	struct document d;

	for (size_t i = 0; i < n && all[i]->kind < RESOURCE_PART; i++) {
		const struct resource_kind_row *row = resource_kind(all[i]->kind);
		_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;

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
		graph_provenance(t->graph, all[i]->kind, all[i]->data, all[i]->key_len, add_object,
				 &d);
		document_end(&d);
		document_end(&d);
		return HTTP_OK;
	}
	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	document_put_string(&d, "error", "there is no such resource");
	document_end(&d);
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

	all = state_sorted(t->resources, &n);
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
			if (resource_kind(all[i]->kind))
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
	status_document_list(&d, t->statuses, t->objects);
	return HTTP_OK;
}

static int on_explain(void *ctx, const char *query, struct strbuf *out)
{
	struct world world = translator_world(ctx);

	return explain(&world, query, out);
}

/* The namespace is in a buffer that the caller frees. */
static ModelCertificateFact *certificate(const struct item *fact, char **ret_namespace,
					 const char **ret_name)
{
	const char *key = item_key(fact), *slash = strchr(key, '/');

	*ret_namespace = xstrndup(key, slash ? (size_t)(slash - key) : 0);
	*ret_name = slash ? slash + 1 : key;
	return portolan__model__certificate_fact__unpack(NULL, fact->value_len, item_value(fact));
}

static void certificate_metrics(struct strbuf *b, struct graph *g)
{
	const struct item *const *all;
	size_t n;

	metric_family(b, METRIC_CERTIFICATE_EXPIRY);
	all = graph_facts(g, FACT_CERTIFICATE, "", 0, &n);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *namespace = NULL;
		ModelCertificateFact *c;
		const char *name;

		c = certificate(all[i], &namespace, &name);
		if (c)
			metric_sample(b, METRIC_CERTIFICATE_EXPIRY, c->not_after, namespace, name);
		portolan__model__certificate_fact__free_unpacked(c, NULL);
	}
}

/* The certificates that are served, by namespace and name. */
static int on_certificates(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct translator *t = ctx;
	const struct item *const *all;
	struct document d;
	size_t n;

	document_init(&d, out, DOCUMENT_JSON);
	document_list(&d);
	all = graph_facts(t->graph, FACT_CERTIFICATE, "", 0, &n);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *namespace = NULL;
		ModelCertificateFact *c;
		const char *name;

		c = certificate(all[i], &namespace, &name);
		document_map(&d);
		document_put_string(&d, "namespace", namespace);
		document_put_string(&d, "name", name);
		document_put_int(&d, "not_after", c ? c->not_after : 0);
		document_key(&d, "names");
		document_list(&d);
		for (size_t k = 0; c && k < c->n_names; k++)
			document_string(&d, c->names[k]);
		document_end(&d);
		document_end(&d);
		portolan__model__certificate_fact__free_unpacked(c, NULL);
	}
	document_end(&d);
	return HTTP_OK;
}

static void unit_metrics(struct strbuf *b, const struct graph_counters *c)
{
	metric_family(b, METRIC_TRANSLATOR_UNITS);
	for (unsigned k = 0; k < UNIT_KIND_MAX_; k++)
		metric_sample(b, METRIC_TRANSLATOR_UNITS, c->units[k], units[k].name);
	metric_family(b, METRIC_TRANSLATOR_UNIT_RUNS);
	for (unsigned k = 0; k < UNIT_KIND_MAX_; k++)
		metric_sample(b, METRIC_TRANSLATOR_UNIT_RUNS, c->runs[k], units[k].name);
}

static void on_metrics(void *ctx, struct strbuf *b)
{
	struct translator *t = ctx;
	const struct graph_counters *c = graph_counters(t->graph);
	const struct quarantine_counters *q = quarantine_counters(t->quarantine);
	struct link *links[] = { t->from_watcher, t->to_xds_server, t->to_passwords };

	metric_single(b, METRIC_TRANSLATOR_OBJECTS, state_count(t->objects));
	metric_single(b, METRIC_TRANSLATOR_RESOURCES, state_count(t->resources));
	metric_single(b, METRIC_TRANSLATOR_RESOURCE_BYTES, state_bytes(t->resources));
	metric_single(b, METRIC_TRANSLATOR_WORLD, state_source(t->resources));
	metric_single(b, METRIC_TRANSLATOR_CELLS, c->cells);
	metric_single(b, METRIC_TRANSLATOR_WAVES, c->waves);
	metric_family(b, METRIC_TRANSLATOR_WAVE_SECONDS);
	metric_histogram(b, METRIC_TRANSLATOR_WAVE_SECONDS, &c->wave_seconds, NULL, 0);
	metric_single(b, METRIC_TRANSLATOR_UNITS_RUN, c->units_run);
	metric_single(b, METRIC_TRANSLATOR_UNITS_UNCHANGED, c->units_unchanged);
	metric_single(b, METRIC_TRANSLATOR_SET_ASIDE, t->set_aside.n);
	metric_single(b, METRIC_TRANSLATOR_REJECTS, q->rejects);
	metric_single(b, METRIC_TRANSLATOR_HELD, q->held);
	metric_single(b, METRIC_TRANSLATOR_SECRETS_KEPT, secret_keeper_kept(t->keeper));
	metric_single(b, METRIC_TRANSLATOR_UNCONFIRMED, q->pending);
	unit_metrics(b, c);
	certificate_metrics(b, t->graph);
	link_metrics_all(links, ARRAY_SIZE(links), b);
}

void translator_pages(struct daemon *d, struct translator *t)
{
	control_add(d->control, "/debug/status", JSON, on_status, d);
	control_add(d->control, "/debug/resources", JSON, on_resources, t);
	control_add(d->control, "/debug/statuses", JSON, on_statuses, t);
	control_add(d->control, "/debug/certificates", JSON, on_certificates, t);
	control_add(d->control, "/debug/explain", JSON, on_explain, t);
	control_add_metrics(d->control, on_metrics, t);
}
