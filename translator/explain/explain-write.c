/* Small pieces of all answers. */
#include <event2/http.h>

#include "translator/explain/explain-internal.h"

void explain_string(struct explain *e, const char *key, const char *value)
{
	document_key(e->d, key);
	document_string(e->d, value ? value : "");
}

void explain_uint(struct explain *e, const char *key, uint64_t value)
{
	document_key(e->d, key);
	document_uint(e->d, value);
}

void explain_nothing(struct explain *e, const char *action, uint32_t status, const char *why)
{
	explain_string(e, "action", action);
	if (status)
		explain_uint(e, "status", status);
	explain_string(e, "why", why);
}

int explain_refuse(struct explain *e, int status, const char *why)
{
	explain_string(e, "error", why);
	document_key(e->d, "bad_question");
	document_bool(e->d, status == HTTP_BADREQUEST);
	return status;
}
