/* The headers that nginx sets on every request of plain HTTP. They are set by a filter of the
 * listener that all hosts share, since a route that sets them costs Envoy a third more at each
 * change of its table. */
#include "translator/envoy/envoy-proxy-headers.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb-c.h"
#include "translator/envoy/envoy-header.h"
#include "translator/model/proxy-headers.h"

static EnvoyHeaderMutation *mutation(struct arena *a, const char *remove,
				     EnvoyHeaderValueOption *set)
{
	EnvoyHeaderMutation *m = message_new(a, EnvoyHeaderMutation);

	m->action_case = remove ? EnvoyHeaderMutation__ACTION_REMOVE
				: EnvoyHeaderMutation__ACTION_APPEND;
	if (remove)
		m->remove = (char *)remove;
	else
		m->append = set;
	return m;
}

const ProtobufCMessage *envoy_proxy_headers(struct arena *a, const struct http_spec *spec)
{
	struct header_edits edits = { 0 };
	EnvoyHttpHeaderMutationHeaderMutation *m;
	EnvoyHeaderValueOption **set;
	EnvoyHeaderMutation **all;
	size_t n = 0;

	/* Not Gateways' listeners, and not the chain of a host with TLS, which has a small table.
	 */
	if (!spec->settings->config->portolan->ingress_nginx->enabled || spec->sessions ||
	    spec->place != spec->settings->config->envoy->http)
		return NULL;
	proxy_headers(a, &edits);
	set = envoy_header_options(a, &edits);
	all = arena_new_of(a, EnvoyHeaderMutation *, edits.n + edits.n_remove);
	for (size_t i = 0; i < edits.n_remove; i++)
		all[n++] = mutation(a, edits.remove[i], NULL);
	for (size_t i = 0; i < edits.n; i++)
		all[n++] = mutation(a, NULL, set[i]);
	m = message_new(a, EnvoyHttpHeaderMutationHeaderMutation);
	m->mutations = message_new(a, EnvoyMutations);
	m->mutations->n_request_mutations = n;
	m->mutations->request_mutations = all;
	return &m->base;
}
