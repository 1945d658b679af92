/* The stages' answers about themselves, for people and as JSON. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/base/document.h"
#include "common/base/strbuf.h"
#include "common/daemon/stage.h"

struct stage_report {
	const char *runtime_dir;
	struct json_object *stages[STAGES];    /* each one's /debug/status; NULL and */
	const char *errors[STAGES];            /* why */
	struct json_object *incidents[STAGES]; /* each one's /debug/incidents, or NULL */
	struct json_object *envoys;            /* xds-server's /debug/envoys, or NULL */
};

/* Every required stage is. */
bool stage_report_ready(const struct stage_report *r);
void stage_report_document(const struct stage_report *r, enum document_format format,
			   struct strbuf *out);
void stage_report_text(const struct stage_report *r, struct strbuf *out);
