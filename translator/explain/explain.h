/* Explains the answer to a request, with reasons, and the effects of an object. Answers come from
 * the resources that Envoy is sent, by Envoy's own rules, and from the graph, which knows their
 * owners. Nothing is stored: each question computes its answer.
 *
 * A question is a query string, as on the page /debug/explain:
 *  - a request: url=…&method=…&header=Name: value&header=…&sni=…&http=1.1&client=ADDRESS
 *  - an object: object=KIND/NAMESPACE/NAME
 *  - everything that clients can reach: surface=1
 *  - the table of routes: routes=1&host=…&search=…&offset=…&limit=… */
#pragma once

#include "common/base/strbuf.h"
#include "translator/graph/world.h"

#define EXPLAIN_URL_MAX     8192
#define EXPLAIN_HEADERS_MAX 64
#define EXPLAIN_TEXT_MAX    8192 /* of a header */

/* Appends the answer as JSON. Returns the HTTP status: 200; 400 with {"error": …} for a question
 * that makes no sense, 404 with the same where there is no such object. */
int explain(const struct world *world, const char *query, struct strbuf *out);
