/* Questions about requests and objects. Runs in the translator. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>

#include "translator/composed.h"
#include "translator/explain-internal.h"

#define CHUNK (64 * 1024)

void explain_string(struct explain *e, const char *key, const char *value)
{
	document_key(e->d, key);
	document_string(e->d, value ? value : "");
}

void explain_uint(struct explain *e, const char *key, uint64_t value)
{
	document_key(e->d, key);
	document_uint(e->d, value);
}

void explain_nothing(struct explain *e, const char *action, uint32_t status, const char *why)
{
	explain_string(e, "action", action);
	if (status)
		explain_uint(e, "status", status);
	explain_string(e, "why", why);
}

static void write_request(struct explain *e)
{
	const struct explain_request *r = &e->request;

	document_key(e->d, "request");
	document_map(e->d);
	explain_string(e, "method", r->method);
	explain_string(e, "url", r->url);
	explain_string(e, "authority", r->authority);
	explain_string(e, "path", r->sent_path);
	if (r->sni)
		explain_string(e, "sni", r->sni);
	document_end(e->d);
}

int explain_refuse(struct explain *e, int status, const char *why)
{
	explain_string(e, "error", why);
	document_key(e->d, "bad_question");
	document_bool(e->d, status == HTTP_BADREQUEST);
	return status;
}

static int answer(struct explain *e, const struct evkeyvalq *words)
{
	const char *object = evhttp_find_header(words, "object"), *why;
	bool served;

	if (!state_complete(e->t->resources))
		return explain_refuse(e, HTTP_SERVUNAVAIL, "there is no complete set of objects yet");
	explain_uint(e, "source", state_source(e->t->resources));
	if (object)
		return explain_object(e, object);
	if (explain_request_read(e, words, &why) < 0)
		return explain_refuse(e, HTTP_BADREQUEST, why);
	write_request(e);
	served = explain_listener_write(e);
	document_key(e->d, "served");
	document_bool(e->d, served);
	return HTTP_OK;
}

int explain(struct translator *t, const char *query, struct strbuf *out)
{
	struct explain e = { .t = t };
	struct evkeyvalq words;
	struct document d;
	int status;

	if (evhttp_parse_query_str(query, &words) < 0) {
		strbuf_puts(out, "{\"error\": \"the query cannot be read\", \"bad_question\": true}\n");
		return HTTP_BADREQUEST;
	}
	e.a = arena_new(CHUNK);
	e.scratch = arena_new(CHUNK);
	e.sent = composed_sorted(t->resources, &e.n_sent);
	e.d = &d;
	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	status = answer(&e, &words);
	document_end(&d);
	free(e.sent);
	arena_free(e.scratch);
	arena_free(e.a);
	evhttp_clear_headers(&words);
	return status;
}
