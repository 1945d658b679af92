/* The page for people: problems first, then hosts and routes, Envoys, changes, certificates,
 * stages. */
#pragma once

#include "admin/job.h"

/* Asks the stages, and sends the page. */
void overview_page(struct admin *a, struct evhttp_request *req);
/* The answer to the explain form: the picture of a host or object, and explain's answer as JSON. */
void overview_explain(struct admin *a, struct evhttp_request *req);
/* The picture alone, as an SVG file. */
void overview_graph(struct admin *a, struct evhttp_request *req);
