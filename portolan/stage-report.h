/* What the stages said of themselves, for people and as JSON. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/stage.h"
#include "common/strbuf.h"

struct stage_report {
	const char *runtime_dir;
	struct json_object *stages[STAGES]; /* each one's /debug/status; NULL and */
	const char *errors[STAGES];         /* why */
	struct json_object *incidents[STAGES]; /* each one's /debug/incidents, or NULL */
	struct json_object *envoys;         /* xds-server's /debug/envoys, or NULL */
};

/* Every required stage is. */
bool stage_report_ready(const struct stage_report *r);
void stage_report_json(const struct stage_report *r, struct strbuf *out);
void stage_report_text(const struct stage_report *r, struct strbuf *out);
