/* Server-sent events (https://html.spec.whatwg.org/#server-sent-events): "change", when something
 * shown on the page has changed. */
#pragma once

#include "admin/admin.h"

#define EVENT_STREAMS_MAX 32

struct event_stream;

/* Takes the request as one more listener; answers 503 where there are too many. */
void event_stream_add(struct admin *a, struct evhttp_request *req);
void event_stream_free_all(struct admin *a);
