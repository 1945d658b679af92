/* The statuses that the watcher writes, kind by kind. */
#include <string.h>

#include "common/base/cleanup.h"
#include "common/decode/object-kind.h"
#include "k8s/networking.pb-c.h"

#include "watcher/status/gateway-status.h"
#include "watcher/status/status-condition.h"
#include "watcher/status/status-render.h"

/* ---- conditions of all kinds ---- */

const char *status_condition_word(const Portolan__Ipc__Condition *c)
{
	static const char *const words[] = {
		[PORTOLAN__IPC__CONDITION_STATUS__CONDITION_FALSE] = "False",
		[PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE] = "True",
		[PORTOLAN__IPC__CONDITION_STATUS__CONDITION_UNKNOWN] = "Unknown",
	};

	return (size_t)c->status < ARRAY_SIZE(words) ? words[c->status] : "Unknown";
}

bool status_propagated_counts(const struct status_input *in, const char *status, int64_t generation)
{
	const Portolan__Ipc__Condition *c = in->status->propagated;

	if (!c || in->status->propagated_generation != in->status->observed_generation)
		return false;
	return c->status != PORTOLAN__IPC__CONDITION_STATUS__CONDITION_UNKNOWN ||
	       strcmp(status, "True") != 0 || generation != in->status->propagated_generation;
}

/* ---- Ingress: where it is reached ---- */

static bool same_address(const K8s__IngressLoadBalancerIngress *is, const struct address *wanted)
{
	return strcmp(is->ip, wanted->is_ip ? wanted->text : "") == 0 &&
	       strcmp(is->hostname, wanted->is_ip ? "" : wanted->text) == 0;
}

static bool same_addresses(const K8s__IngressStatus *is, const struct status_input *in)
{
	const K8s__IngressLoadBalancerStatus *lb = is ? is->load_balancer : NULL;

	if ((lb ? lb->n_ingress : 0) != in->n_addresses)
		return false;
	for (size_t i = 0; i < in->n_addresses; i++)
		if (!same_address(lb->ingress[i], &in->addresses[i]))
			return false;
	return true;
}

static void add_addresses(const struct status_input *in, struct strbuf *json)
{
	const char *sep = "";

	strbuf_puts(json, "\"loadBalancer\":{\"ingress\":");
	if (!in->n_addresses) {
		strbuf_puts(json, "null}");
		return;
	}
	strbuf_puts(json, "[");
	for (size_t i = 0; i < in->n_addresses; i++, sep = ",") {
		const struct address *a = &in->addresses[i];

		strbuf_printf(json, "%s{\"%s\":", sep, a->is_ip ? "ip" : "hostname");
		strbuf_json(json, a->text, strlen(a->text));
		strbuf_puts(json, "}");
	}
	strbuf_puts(json, "]}");
}

static bool render_ingress(const struct status_input *in, struct strbuf *json)
{
	K8s__IngressStatus *is = NULL;

	/* One of another class is another controller's to speak of. */
	if (!in->addresses_known || in->status->verdict == PORTOLAN__IPC__VERDICT__VERDICT_IGNORED)
		return false;
	if (in->object->status)
		is = k8s__ingress_status__unpack(arena_pb(in->arena), in->object->status_len,
						 in->object->status);
	if (same_addresses(is, in))
		return false;
	strbuf_puts(json, "{");
	add_addresses(in, json);
	strbuf_puts(json, "}");
	return true;
}

/* ---- HTTPProxy ---- */

/* Our kinds use the address list of a Service. */
static bool same_balancer(const K8s__LoadBalancerStatus *lb, const struct status_input *in)
{
	if ((lb ? lb->n_ingress : 0) != in->n_addresses)
		return false;
	for (size_t i = 0; i < in->n_addresses; i++) {
		const struct address *wanted = &in->addresses[i];

		if (strcmp(lb->ingress[i]->ip, wanted->is_ip ? wanted->text : "") != 0 ||
		    strcmp(lb->ingress[i]->hostname, wanted->is_ip ? "" : wanted->text) != 0)
			return false;
	}
	return true;
}

static bool same_message(struct arena *a, const ProtobufCMessage *x, const ProtobufCMessage *y)
{
	size_t n = protobuf_c_message_get_packed_size(x);
	uint8_t *p, *q;

	if (n != protobuf_c_message_get_packed_size(y))
		return false;
	p = arena_alloc(a, n + 1);
	q = arena_alloc(a, n + 1);
	(void)protobuf_c_message_pack(x, p);
	(void)protobuf_c_message_pack(y, q);
	return memcmp(p, q, n) == 0;
}

/* "valid", "invalid" or "orphaned", and a sentence. */
static void describe(const K8s__DetailedCondition *valid, K8s__HTTPProxyStatus *status)
{
	bool orphaned = valid->n_errors && strcmp(valid->errors[0]->type, "Orphaned") == 0;

	status->current_status = (char *)(uintptr_t)(orphaned          ? "orphaned"
						     : valid->n_errors ? "invalid"
								       : "valid");
	status->description = orphaned ? valid->errors[0]->message : valid->message;
}

static bool render_http_proxy(const struct status_input *in, struct strbuf *json)
{
	K8s__HTTPProxyStatus *is, wanted = K8S__HTTPPROXY_STATUS__INIT;
	bool same_lb;

	if (in->status->verdict == PORTOLAN__IPC__VERDICT__VERDICT_IGNORED)
		return false;
	is = k8s__httpproxy_status__unpack(arena_pb(in->arena), in->object->status_len,
					   in->object->status);
	if (!is || !status_conditions_make(in, "HTTPProxy", is->conditions, is->n_conditions,
					   &wanted.conditions, &wanted.n_conditions))
		return false;
	describe(status_conditions_valid(wanted.conditions, wanted.n_conditions), &wanted);
	wanted.load_balancer = is->load_balancer;
	same_lb = !in->addresses_known || same_balancer(is->load_balancer, in);
	if (same_lb && same_message(in->arena, &is->base, &wanted.base))
		return false;
	strbuf_puts(json, "{\"currentStatus\":");
	strbuf_json(json, wanted.current_status, strlen(wanted.current_status));
	strbuf_puts(json, ",\"description\":");
	strbuf_json(json, wanted.description, strlen(wanted.description));
	strbuf_puts(json, ",\"conditions\":");
	status_conditions_json(wanted.conditions, wanted.n_conditions, json);
	if (!same_lb) {
		strbuf_puts(json, ",");
		add_addresses(in, json);
	}
	strbuf_puts(json, "}");
	return true;
}

/* ---- kinds that have conditions only ---- */

static bool render_conditions(const struct status_input *in, struct strbuf *json)
{
	K8s__ConditionsStatus *is, wanted = K8S__CONDITIONS_STATUS__INIT;
	const char *kind = object_kind(in->object->item->kind)->kind;

	if (in->status->verdict == PORTOLAN__IPC__VERDICT__VERDICT_IGNORED)
		return false;
	is = k8s__conditions_status__unpack(arena_pb(in->arena), in->object->status_len,
					    in->object->status);
	if (!is || !status_conditions_make(in, kind, is->conditions, is->n_conditions,
					   &wanted.conditions, &wanted.n_conditions))
		return false;
	if (same_message(in->arena, &is->base, &wanted.base))
		return false;
	strbuf_puts(json, "{\"conditions\":");
	status_conditions_json(wanted.conditions, wanted.n_conditions, json);
	strbuf_puts(json, "}");
	return true;
}

/* ---- questions about writing ---- */

bool status_render_shown(const struct status_input *in, unsigned kind, struct status_shown *ret)
{
	K8s__HTTPProxyStatus described = K8S__HTTPPROXY_STATUS__INIT;
	K8s__DetailedCondition **conditions;
	const struct status_render_row *row = status_render_row(kind);
	size_t n;

	if (!row || row->render == render_ingress || row->render == gateway_status_render ||
	    in->status->verdict == PORTOLAN__IPC__VERDICT__VERDICT_IGNORED ||
	    !status_conditions_make(in, object_kind(kind)->kind, NULL, 0, &conditions, &n))
		return false;
	*ret = (struct status_shown){ .valid = conditions[0] };
	if (kind != OBJECT_HTTP_PROXY)
		return true;
	describe(ret->valid, &described);
	ret->current = described.current_status;
	ret->description = described.description;
	return true;
}

static const struct status_render_row rows[] = {
	{ OBJECT_INGRESS, render_ingress },
	{ OBJECT_HTTP_PROXY, render_http_proxy },
	{ OBJECT_EXTENSION_SERVICE, render_conditions },
	{ OBJECT_CONTOUR_CONFIGURATION, render_conditions },
	{ OBJECT_GATEWAY_CLASS, gateway_status_render },
	{ OBJECT_GATEWAY, gateway_status_render },
	{ OBJECT_LISTENER_SET, gateway_status_render },
	{ OBJECT_HTTP_ROUTE, gateway_status_render },
	{ OBJECT_GRPC_ROUTE, gateway_status_render },
	{ OBJECT_TLS_ROUTE, gateway_status_render },
	{ OBJECT_TCP_ROUTE, gateway_status_render },
	{ OBJECT_UDP_ROUTE, gateway_status_render },
	{ OBJECT_BACKEND_TLS_POLICY, gateway_status_render },
	{ OBJECT_X_BACKEND, gateway_status_render },
	{ OBJECT_X_BACKEND_TRAFFIC_POLICY, gateway_status_render },
	{ OBJECT_X_TELEMETRY_POLICY, gateway_status_render },
};

const struct status_render_row *status_render_row(unsigned kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == kind)
			return &rows[i];
	return NULL;
}
