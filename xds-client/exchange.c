/* The discovery protocol from the client's side
 * (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol), as far as one type on one
 * stream needs it. Used by portolan-xds-client. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/link/resource-kind.h"
#include "translator/print/print.h"
#include "xds-client/exchange.h"
#include "xds-client/grpc-call.h"
#include "xds.pb-c.h"

typedef Envoy__Service__Discovery__V3__Any Any;
typedef Envoy__Service__Discovery__V3__DeltaDiscoveryRequest DeltaRequest;
typedef Envoy__Service__Discovery__V3__DeltaDiscoveryResponse DeltaResponse;
typedef Envoy__Service__Discovery__V3__DiscoveryRequest Request;
typedef Envoy__Service__Discovery__V3__DiscoveryResponse Response;

/* Delta does not mark the end of an answer: it is assumed after this long without a message. */
#define QUIET_USEC (500 * USEC_PER_MSEC)

/* The fields that acknowledge an answer. */
struct receipt {
	char *version, *nonce;
};

struct node {
	Envoy__Service__Discovery__V3__Node node;
	Envoy__Service__Discovery__V3__BuildVersion build;
	Envoy__Service__Discovery__V3__SemanticVersion version;
};

const char *exchange_method(const struct exchange *x)
{
	return x->delta ? "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
			  "DeltaAggregatedResources"
			: "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
			  "StreamAggregatedResources";
}

static void fill_node(const struct exchange *x, struct node *n)
{
	envoy__service__discovery__v3__semantic_version__init(&n->version);
	n->version.major_number = x->envoy_major;
	n->version.minor_number = x->envoy_minor;
	envoy__service__discovery__v3__build_version__init(&n->build);
	n->build.version = &n->version;
	envoy__service__discovery__v3__node__init(&n->node);
	n->node.id = (char *)x->node_id;
	n->node.cluster = (char *)"portolan-xds-client";
	n->node.user_agent_name = (char *)"envoy";
	n->node.user_agent_version_type_case =
		ENVOY__SERVICE__DISCOVERY__V3__NODE__USER_AGENT_VERSION_TYPE_USER_AGENT_BUILD_VERSION;
	n->node.user_agent_build_version = &n->build;
}

static int send_packed(struct stream *s, const ProtobufCMessage *m, int64_t deadline)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	_cleanup_free_ uint8_t *bytes = xmalloc(n + 1);

	(void)protobuf_c_message_pack(m, bytes);
	return stream_send(s, bytes, n, deadline);
}

/* The first request (no receipt), or an ACK. */
static int send_request(const struct exchange *x, struct stream *s, const struct receipt *receipt,
			int64_t deadline)
{
	Request sotw = ENVOY__SERVICE__DISCOVERY__V3__DISCOVERY_REQUEST__INIT;
	DeltaRequest delta = ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INIT;
	char *type = (char *)resource_kind(x->kind)->type_url;
	struct node node;

	fill_node(x, &node);
	if (x->delta) {
		delta.type_url = type;
		delta.node = receipt ? NULL : &node.node;
		delta.resource_names_subscribe = x->names;
		delta.n_resource_names_subscribe = receipt ? 0 : x->n_names;
		if (receipt)
			delta.response_nonce = receipt->nonce;
		return send_packed(s, &delta.base, deadline);
	}
	sotw.type_url = type;
	sotw.node = receipt ? NULL : &node.node;
	sotw.resource_names = x->names;
	sotw.n_resource_names = x->n_names;
	if (receipt) {
		sotw.version_info = receipt->version;
		sotw.response_nonce = receipt->nonce;
	}
	return send_packed(s, &sotw.base, deadline);
}

/* Names are field 1 of all kinds' messages but of ClusterLoadAssignment's (cluster_name, which is
 * also 1): the state of the world does not say them apart. */
static char *name_in(const Any *a)
{
	const uint8_t *p = a->value.data;
	size_t n = a->value.len;

	if (n < 2 || p[0] != 0x0a || p[1] & 0x80 || p[1] > n - 2)
		return xstrdup("");
	return xstrndup((const char *)p + 2, p[1]);
}

static void print_one(const struct exchange *x, struct document *d, const char *name,
		      const char *version, const Any *a)
{
	int r = print_resource(d, x->kind, name, version, a->value.data, a->value.len,
			       x->print_flags);

	if (r < 0)
		(void)log_error_errno(r, "%s cannot be read: %m", name);
}

static void begin_document(const struct exchange *x, struct document *d, struct strbuf *out)
{
	document_init(d, out, x->format);
	document_map(d);
	document_put_string(d, "type", resource_kind(x->kind)->xds);
}

static void end_document(const struct exchange *x, struct document *d, const struct strbuf *out)
{
	document_end(d);
	if (x->format == DOCUMENT_YAML)
		(void)printf("---\n");
	(void)fwrite(out->s, 1, out->len, stdout);
	(void)fflush(stdout);
}

/* Prints it; adds to *answered the number of requested resources in it. */
static int take_delta(const struct exchange *x, const struct strbuf *bytes, struct receipt *ret,
		      size_t *answered)
{
	DeltaResponse *m = envoy__service__discovery__v3__delta_discovery_response__unpack(
		NULL, bytes->len, (const uint8_t *)strbuf_str(bytes));
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct document d;

	if (!m)
		return -EBADMSG;
	begin_document(x, &d, &out);
	document_key(&d, "resources");
	document_list(&d);
	for (size_t i = 0; i < m->n_resources; i++)
		if (m->resources[i]->resource)
			print_one(x, &d, m->resources[i]->name, m->resources[i]->version,
				  m->resources[i]->resource);
	document_end(&d);
	document_key(&d, "removed");
	document_list(&d);
	for (size_t i = 0; i < m->n_removed_resources; i++)
		document_string(&d, m->removed_resources[i]);
	document_end(&d);
	end_document(x, &d, &out);
	*answered += m->n_resources + m->n_removed_resources;
	*ret = (struct receipt){ xstrdup(""), xstrdup(m->nonce) };
	envoy__service__discovery__v3__delta_discovery_response__free_unpacked(m, NULL);
	return 0;
}

static int take_sotw(const struct exchange *x, const struct strbuf *bytes, struct receipt *ret,
		     size_t *answered)
{
	Response *m = envoy__service__discovery__v3__discovery_response__unpack(
		NULL, bytes->len, (const uint8_t *)strbuf_str(bytes));
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct document d;

	if (!m)
		return -EBADMSG;
	begin_document(x, &d, &out);
	document_key(&d, "resources");
	document_list(&d);
	for (size_t i = 0; i < m->n_resources; i++) {
		_cleanup_free_ char *name = name_in(m->resources[i]);

		print_one(x, &d, name, m->version_info, m->resources[i]);
	}
	document_end(&d);
	end_document(x, &d, &out);
	*answered = m->n_resources;
	*ret = (struct receipt){ xstrdup(m->version_info), xstrdup(m->nonce) };
	envoy__service__discovery__v3__discovery_response__free_unpacked(m, NULL);
	return 0;
}

/* One answer; with watch it is acknowledged, as by an Envoy that takes it. */
static int take_answer(const struct exchange *x, struct stream *s, const struct strbuf *bytes,
		       size_t *answered)
{
	struct receipt receipt = { 0 };
	int r = x->delta ? take_delta(x, bytes, &receipt, answered)
			 : take_sotw(x, bytes, &receipt, answered);

	if (r == 0 && (x->watch || x->delta))
		r = send_request(x, s, &receipt, clock_monotonic() + x->timeout_usec);
	free(receipt.version);
	free(receipt.nonce);
	return r;
}

/* All requested names, or all of a kind if the state of the world was requested as a whole. */
static bool has_all(const struct exchange *x, size_t answered)
{
	if (x->watch)
		return false;
	return x->n_names ? answered >= x->n_names : !x->delta;
}

int exchange_run(const struct exchange *x, struct stream *s)
{
	_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;
	int64_t deadline = clock_monotonic() + x->timeout_usec;
	size_t answered = 0;
	bool any = false;
	int r = send_request(x, s, NULL, deadline);

	while (r == 0 && (!any || !has_all(x, answered))) {
		int64_t until = deadline;

		if (any && x->watch)
			until = INT64_MAX;
		else if (any && x->delta && !x->n_names)
			until = MIN(deadline, clock_monotonic() + QUIET_USEC);
		r = stream_receive(s, &bytes, until);
		if (r == -ETIMEDOUT && any && x->delta && !x->n_names)
			return 0;
		if (r == 0)
			r = take_answer(x, s, &bytes, &answered);
		any = true;
	}
	return r;
}
