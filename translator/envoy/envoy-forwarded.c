/* X-Forwarded-… headers of clients. */
#include <string.h>
#include <strings.h>

#include "envoy/extensions/filters/http/lua/v3/lua.pb-c.h"
#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.pb-c.h"
#include "translator/envoy/envoy-forwarded.h"

/* Clients' headers that Envoy changes before all routes, and what keeps them. */
static const struct {
	const char *name, *of;
} kept[] = {
	{ "x-original-forwarded-for", "x-forwarded-for" },
	{ "x-original-forwarded-proto", "x-forwarded-proto" },
};

static const char script[] =
	"-- What a proxy before Envoy says of the client's request, for redirects and\n"
	"-- for the route's headers.\n"
	"function envoy_on_request(handle)\n"
	"  local headers = handle:headers()\n"
	"  local metadata = handle:streamInfo():dynamicMetadata()\n"
	"  local function tell(key, value)\n"
	"    metadata:set(\"" ENVOY_FORWARDED "\", key, value)\n"
	"  end\n"
	"  local scheme = headers:get(\"x-forwarded-proto\") or \"\"\n"
	"  scheme = scheme:match(\"^%s*(%a[%w+.-]*)\") or \"http\"\n"
	"  local port = (headers:get(\"x-forwarded-port\") or \"\"):match(\"^%d+$\")\n"
	"  tell(\"scheme\", scheme)\n"
	"  tell(\"port\", port or (scheme == \"https\" and \"443\" or \"80\"))\n"
	"  tell(\"uri\", ((headers:get(\":path\") or \"\"):gsub(\"/$\", \"\")))\n"
	"  local host = headers:get(\"x-forwarded-host\")\n"
	"  if not host then\n"
	"    return\n"
	"  end\n"
	"  tell(\"given\", host)\n"
	"  host = host:match(\"^[^,]*\"):gsub(\"%s\", \"\")\n"
	"  if host == \"\" then\n"
	"    headers:remove(\"x-forwarded-host\")\n"
	"    return\n"
	"  end\n"
	"  headers:replace(\"x-forwarded-host\", host)\n"
	"  tell(\"name\", (host:gsub(\":%d+$\", \"\")))\n"
	"end\n";

const ProtobufCMessage *envoy_forwarded_filter(struct arena *a, const struct http_spec *spec)
{
	EnvoyLua *m;

	if (!spec->services || !spec->services->forwarded)
		return NULL;
	m = message_new(a, EnvoyLua);
	m->default_source_code = message_new(a, EnvoyDataSource);
	m->default_source_code->specifier_case = EnvoyDataSource__SPECIFIER_INLINE_STRING;
	m->default_source_code->inline_string = (char *)script;
	return &m->base;
}

static EnvoyHeaderMutation *set(struct arena *a, const char *name, const char *value)
{
	EnvoyHeaderMutation *m = message_new(a, EnvoyHeaderMutation);

	m->action_case = EnvoyHeaderMutation__ACTION_APPEND;
	m->append = message_new(a, EnvoyHeaderValueOption);
	m->append->header = message_new(a, EnvoyHeaderValue);
	m->append->header->key = (char *)name;
	m->append->header->value = (char *)value;
	m->append->append_action =
		EnvoyHeaderValueOption__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD;
	return m;
}

void envoy_forwarded_keep(struct arena *a, EnvoyHttpConnectionManager *ret)
{
	EnvoyEarlyHeaderMutationHeaderMutationHeaderMutation config =
		EnvoyEarlyHeaderMutationHeaderMutationHeaderMutation__INIT;
	EnvoyTypedExtensionConfig *extension = message_new(a, EnvoyTypedExtensionConfig), **all;
	size_t n = ret->n_early_header_mutation_extensions;

	config.mutations = arena_new_of(a, EnvoyHeaderMutation *, 2 * ARRAY_SIZE(kept));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		EnvoyHeaderMutation *m = message_new(a, EnvoyHeaderMutation);

		m->action_case = EnvoyHeaderMutation__ACTION_REMOVE;
		m->remove = (char *)kept[i].name;
		config.mutations[config.n_mutations++] = m;
		config.mutations[config.n_mutations++] =
			set(a, kept[i].name, arena_printf(a, "%%REQ(%s)%%", kept[i].of));
	}
	extension->name = (char *)"envoy.http.early_header_mutation.header_mutation";
	extension->typed_config = envoy_any(
		a, "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
		&config.base);
	all = arena_new_of(a, EnvoyTypedExtensionConfig *, n + 1);
	if (n)
		memcpy(all, ret->early_header_mutation_extensions, n * sizeof(*all));
	all[n] = extension;
	ret->early_header_mutation_extensions = all;
	ret->n_early_header_mutation_extensions = n + 1;
}

const char *envoy_forwarded_kept_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (strcasecmp(kept[i].name, name) == 0)
			return kept[i].of;
	return NULL;
}

void envoy_forwarded_believe(EnvoyHttpConnectionManager *ret)
{
	ret->xff_num_trusted_hops = MAX(ret->xff_num_trusted_hops, 1U);
}
