/* Questions about requests and objects. */
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>

#include "translator/explain/explain-internal.h"
#include "translator/print/composed.h"

#define CHUNK (64 * 1024)

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
	if (r->client)
		explain_string(e, "client", r->client);
	document_end(e->d);
}

static size_t number(const struct evkeyvalq *words, const char *name, size_t otherwise)
{
	const char *text = evhttp_find_header(words, name);

	return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

static int routes(struct explain *e, const struct evkeyvalq *words)
{
	const char *object = evhttp_find_header(words, "object"), *why;
	struct explain_routes_question q = {
		.host = evhttp_find_header(words, "host"),
		.search = evhttp_find_header(words, "search"),
		.offset = number(words, "offset", 0),
		.limit = number(words, "limit", SIZE_MAX),
	};
	int status = object ? explain_object_find(e, object, &q.object, &why) : HTTP_OK;

	if (status != HTTP_OK)
		return explain_refuse(e, status, why);
	explain_routes(e, &q);
	return HTTP_OK;
}

static int answer(struct explain *e, const struct evkeyvalq *words)
{
	const char *object = evhttp_find_header(words, "object"), *why;
	bool served;

	if (!state_complete(e->world.resources))
		return explain_refuse(e, HTTP_SERVUNAVAIL,
				      "there is no complete set of objects yet");
	explain_uint(e, "source", state_source(e->world.resources));
	if (evhttp_find_header(words, "surface")) {
		explain_surface(e);
		return HTTP_OK;
	}
	if (evhttp_find_header(words, "routes"))
		return routes(e, words);
	if (object)
		return explain_object(e, object);
	if (explain_request_read(e, words, &why) < 0)
		return explain_refuse(e, HTTP_BADREQUEST, why);
	write_request(e);
	e->problems = explain_problems_new(e);
	e->refusals = explain_refusals_new(e);
	served = explain_listener_write(e);
	explain_refusals_write(e);
	if (!served)
		explain_problems_write(e);
	document_key(e->d, "served");
	document_bool(e->d, served);
	return HTTP_OK;
}

int explain(const struct world *world, const char *query, struct strbuf *out)
{
	struct explain e = { .world = *world };
	struct evkeyvalq words;
	struct document d;
	int status;

	if (evhttp_parse_query_str(query, &words) < 0) {
		strbuf_puts(out,
			    "{\"error\": \"the query cannot be read\", \"bad_question\": true}\n");
		return HTTP_BADREQUEST;
	}
	e.a = arena_new(CHUNK);
	e.scratch = arena_new(CHUNK);
	e.sent = state_sorted(world->resources, &e.n_sent);
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
