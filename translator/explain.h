/* What a request would meet, and why; what an object has made. Answered from the resources that Envoy is
 * sent, by Envoy's own rules, and from the graph, which knows whose they are. Nothing is kept for it:
 * each question computes its answer.
 *
 * A question is a query string, as on the page /debug/explain:
 *	url=…&method=…&header=Name: value&header=…&sni=…	a request
 *	object=KIND/NAMESPACE/NAME				an object */
#pragma once

#include "common/strbuf.h"

struct translator;

#define EXPLAIN_URL_MAX 8192
#define EXPLAIN_HEADERS_MAX 64
#define EXPLAIN_TEXT_MAX 8192 /* of a header */

/* Appends the answer as JSON. Returns the HTTP status: 200; 400 with {"error": …} for a question that
 * makes no sense, 404 with the same where there is no such object. */
int explain(struct translator *t, const char *query, struct strbuf *out);
