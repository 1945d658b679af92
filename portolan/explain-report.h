/* Answers of the translator's /debug/explain as lines for people. */
#pragma once

#include <json-c/json.h>

#include "common/base/strbuf.h"

/* Control characters in its strings become '?', so that they never reach a terminal. */
void explain_report_clean(struct json_object *answer);
void explain_report_request(struct json_object *answer, struct strbuf *out);
/* envoys: of xds-server's /debug/accepted, or NULL. */
void explain_report_object(struct json_object *answer, struct json_object *envoys,
			   struct strbuf *out);
