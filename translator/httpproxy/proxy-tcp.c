/* tcpproxy of HTTPProxy: connections that are passed on, unread, by the server name in their TLS
 * handshake. */
#include <errno.h>
#include <string.h>

#include "translator/httpproxy/proxy.h"
#include "translator/kinds.h"
#include "translator/resolve/class.h"

#define DEPTH_MAX 32
#define FIELD     "spec.tcpproxy"
#define HOST      "spec.virtualhost"

/* A filter that is left out lets everybody in. */
static int check_addresses(struct proxy_node *node, const K8s__ProxyVirtualHost *v)
{
	if (!v->n_ip_allow_policy && !v->n_ip_deny_policy)
		return 0;
	proxy_error(node, "IPFilterError/IPFilterPolicyNotValid",
		    v->n_ip_allow_policy ? HOST ".ipAllowPolicy" : HOST ".ipDenyPolicy",
		    "addresses are compared for HTTP requests only: a tcpproxy would let all "
		    "connections through");
	return -EINVAL;
}

int proxy_tcp_check(struct proxy_node *node, const K8s__HTTPProxySpec *spec)
{
	const K8s__ProxyVirtualHost *v = spec->virtualhost;
	const K8s__ProxyTLS *tls = v->tls;
	const struct {
		bool given;
		const char *field, *why;
	} rows[] = {
		/* Plain HTTP has routes, and these count there. */
		{ !spec->n_routes && !spec->n_includes && v->cors_policy, HOST ".corsPolicy",
		  "what a tcpproxy passes on is not looked at" },
		{ !spec->n_routes && !spec->n_includes && v->rate_limit_policy &&
			  (v->rate_limit_policy->local || v->rate_limit_policy->global),
		  HOST ".rateLimitPolicy", "what a tcpproxy passes on is not looked at" },
		{ tls->passthrough && *tls->minimum_protocol_version,
		  HOST ".tls.minimumProtocolVersion",
		  "with passthrough the backend makes the handshake" },
		{ tls->passthrough && *tls->maximum_protocol_version,
		  HOST ".tls.maximumProtocolVersion",
		  "with passthrough the backend makes the handshake" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].given)
			proxy_warning(node, "SpecError/IgnoredField", rows[i].field, "ignored: %s",
				      rows[i].why);
	return check_addresses(node, v);
}

static int plan_services(struct proxy_node *node, const K8s__ProxyTCP *tcp, struct host_tcp *ret)
{
	int64_t total = 0, max = UINT32_MAX / (int64_t)tcp->n_services;

	ret->targets = arena_new_of(node->a, struct tcp_target, tcp->n_services);
	for (size_t i = 0; i < tcp->n_services; i++)
		total += MAX(tcp->services[i]->weight, (int64_t)0) > 0;
	for (size_t i = 0; i < tcp->n_services; i++) {
		const K8s__ProxyService *s = tcp->services[i];
		const char *cluster = proxy_upstream_tcp(
			node, tcp, s, arena_printf(node->a, FIELD ".services[%zu]", i));

		if (!cluster)
			return -EINVAL;
		if (total && s->weight <= 0)
			continue; /* Envoy takes no zero here */
		ret->targets[ret->n++] =
			(struct tcp_target){ cluster, total ? (uint32_t)MIN(s->weight, max) : 1 };
	}
	return 0;
}

/* Above this, or deeper than any tree written by hand. */
static bool is_above(const struct proxy_node *node, const char *key)
{
	size_t depth = 0;

	for (const struct proxy_node *n = node; n; n = n->parent)
		if (strcmp(n->key, key) == 0 || ++depth > DEPTH_MAX)
			return true;
	return false;
}

static int include(struct proxy_node *node, const char *root, const K8s__ProxyTCPInclude *i,
		   struct host_tcp *ret)
{
	struct proxy_node child = {
		.r = node->r, .a = node->a, .parent = node, .host = node->host
	};
	const char *why, *name;
	int r;

	child.key = arena_printf(node->a, "%s/%s", *i->namespace_ ? i->namespace_ : node->namespace,
				 i->name);
	child.proxy = read_message(node->r, OBJECT_HTTP_PROXY, child.key);
	if (!child.proxy || !child.proxy->spec ||
	    !class_is_ours(node->r, child.proxy->metadata, child.proxy->spec->ingress_class_name,
			   &why)) {
		proxy_error(node, "TCPProxyIncludeError/IncludeNotFound", FIELD ".include", "%s",
			    object_missing(node->r, OBJECT_HTTP_PROXY, child.key));
		return -EINVAL;
	}
	if (child.proxy->spec->virtualhost) {
		proxy_error(node, "TCPProxyIncludeError/RootIncludesRoot", FIELD ".include",
			    "HTTPProxy %s is a root itself, with a virtualhost", child.key);
		return -EINVAL;
	}
	if (is_above(node, child.key)) {
		proxy_error(node, "TCPProxyIncludeError/IncludeCreatesCycle", FIELD ".include",
			    "%s is already above this in the tree, or more than %d includes deep",
			    child.key, DEPTH_MAX);
		return -EINVAL;
	}
	emit_fact(node->r, FACT_INCLUDED, child.key, strlen(child.key), root, strlen(root), NULL,
		  0);
	object_split_key(node->r, child.key, &child.namespace, &name);
	/* No fault of the child's: another may include its routes. */
	if (!child.proxy->spec->tcpproxy) {
		proxy_error(node, "TCPProxyIncludeError/NothingDefined", FIELD ".include",
			    "HTTPProxy %s has no tcpproxy", child.key);
		return -EINVAL;
	}
	r = proxy_tcp_plan(&child, root, ret);
	if (r == 0)
		return 0;
	emit_verdict(node->r, OBJECT_HTTP_PROXY, child.key,
		     PORTOLAN__IPC__VERDICT__VERDICT_REJECTED);
	proxy_error(node, "TCPProxyIncludeError/IncludeNotValid", FIELD ".include",
		    "the tcpproxy of HTTPProxy %s has a fault: see its status", child.key);
	return r;
}

int proxy_tcp_plan(struct proxy_node *node, const char *root, struct host_tcp *ret)
{
	const K8s__ProxyTCP *tcp = node->proxy->spec->tcpproxy;
	const K8s__ProxyTCPInclude *i = tcp ? tcp->include ? tcp->include : tcp->includes : NULL;

	if (!tcp || (!tcp->n_services && !i)) {
		proxy_error(node, "TCPProxyError/NothingDefined", FIELD,
			    "it has neither services nor include");
		return -EINVAL;
	}
	if (tcp->n_services && i) {
		proxy_error(node, "TCPProxyError/NoServicesAndInclude", FIELD,
			    "it may have one of services and include only");
		return -EINVAL;
	}
	return i ? include(node, root, i, ret) : plan_services(node, tcp, ret);
}
