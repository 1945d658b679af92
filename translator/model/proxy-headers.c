/* Who asked, for what host, by what scheme: as nginx tells it, and not as the client says. */
#include <string.h>

#include "common/base/cleanup.h"
#include "translator/model/proxy-headers.h"

#define CLIENT "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"

void proxy_headers(struct arena *a, struct header_edits *ret)
{
	static const char *const remove[] = { "X-Original-Forwarded-Host", "Proxy" };
	static const struct header_edit all[] = {
		{ HEADER_SET, "X-Real-IP", CLIENT },
		{ HEADER_SET, "X-Forwarded-For", CLIENT },
		/* What the client said before stays in it. */
		{ HEADER_SET, "X-Original-Forwarded-Host", "%REQ(x-forwarded-host)%" },
		{ HEADER_SET, "X-Forwarded-Host", "%REQ(:authority)%" },
		{ HEADER_SET, "X-Forwarded-Scheme", "http" },
		{ HEADER_SET, "X-Scheme", "http" },
		{ HEADER_SET, "X-Forwarded-Port", "80" },
	};

	*ret = (struct header_edits){ .all = arena_memdup(a, all, sizeof(all)),
				      .n = ARRAY_SIZE(all),
				      .remove = arena_memdup(a, remove, sizeof(remove)),
				      .n_remove = ARRAY_SIZE(remove) };
}
