/* The statuses that the watcher writes, kind by kind. */
#include <string.h>

#include "common/cleanup.h"
#include "common/object-kind.h"
#include "k8s/networking.pb-c.h"

#include "watcher/status-render.h"

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

	strbuf_puts(json, "{\"loadBalancer\":{\"ingress\":");
	if (!in->n_addresses) {
		strbuf_puts(json, "null}}");
		return;
	}
	strbuf_puts(json, "[");
	for (size_t i = 0; i < in->n_addresses; i++, sep = ",") {
		const struct address *a = &in->addresses[i];

		strbuf_printf(json, "%s{\"%s\":", sep, a->is_ip ? "ip" : "hostname");
		strbuf_json(json, a->text, strlen(a->text));
		strbuf_puts(json, "}");
	}
	strbuf_puts(json, "]}}");
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
	add_addresses(in, json);
	return true;
}

static const struct status_render_row rows[] = {
	{ OBJECT_INGRESS, render_ingress },
};

const struct status_render_row *status_render_row(unsigned kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == kind)
			return &rows[i];
	return NULL;
}
