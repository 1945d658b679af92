/* The door from front ends to sockets that have listeners of their own. */
#pragma once

#include "proto/model.pb-c.h"
#include "translator/graph/graph.h"
#include "translator/model/listener.h"

/* Envoy listens there. Each of its chains has a host name, which is served (or closed, or answered
 * with 404) even if no route attaches to it. kind, object: for messages. */
void want_listener(struct reader *r, const struct listener_spec *spec, enum object_kind kind,
		   const char *object);
/* The socket of that name, or NULL. */
const Portolan__Model__ListenerSpec *listener_find(struct reader *r, const char *name);
