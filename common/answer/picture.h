/* The picture of hosts: object → host → route → upstream → endpoints, as SVG or for Graphviz. */
#pragma once

#include <json-c/json.h>

#include "common/base/strbuf.h"

/* hosts: the list "hosts" of the table of routes (translator/explain/explain.h). */
void picture_svg(struct json_object *hosts, struct strbuf *out);
void picture_dot(struct json_object *hosts, struct strbuf *out);
