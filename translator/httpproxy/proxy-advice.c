/* Warnings about what a route of an HTTPProxy says without effect, or with another one than it
 * seems to have. They change no traffic. */
#include <string.h>
#include <strings.h>

#include "translator/httpproxy/proxy.h"
#include "translator/model/path.h"
#include "translator/resolve/path-unmatched.h"

#define warn_ignored(node, field, ...) \
	proxy_warning(node, "SpecError/IgnoredField", field, __VA_ARGS__)

/* ---- conditions ---- */

static size_t count_operators(const K8s__ProxyHeaderMatch *h)
{
	return (size_t)((h->present != 0) + (h->notpresent != 0) + (*h->contains != 0) +
			(*h->notcontains != 0) + (*h->exact != 0) + (*h->notexact != 0) +
			(*h->regex != 0));
}

static const char *query_fault(const K8s__ProxyQueryMatch *q)
{
	const char *const all[] = { q->name, q->exact, q->prefix, q->suffix, q->contains };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (query_never(all[i]))
			return query_never(all[i]);
	/* What these match may have other characters than they have themselves. */
	return strpbrk(q->regex, "|[]()?*{}\\^$.") ? NULL : query_never(q->regex);
}

void proxy_conditions_advise(struct proxy_node *node, const struct proxy_conditions *own,
			     const struct route_match *made, const char *field)
{
	const char *never =
		match_headers_never(node->a, made->headers, made->n_headers, node->host);

	if (!never)
		never = headers_unseen(node->r, made->headers, made->n_headers);
	if (never)
		proxy_warning(node, "RouteError/HeaderNeverMatches",
			      arena_printf(node->a, "%s.conditions", field),
			      "no request meets them: %s", never);
	never = match_queries_never(node->a, made->queries, made->n_queries);
	if (never)
		proxy_warning(node, "RouteError/QueryNeverMatches",
			      arena_printf(node->a, "%s.conditions", field),
			      "no request meets them: %s", never);
	for (size_t i = 0; i < own->n; i++) {
		const K8s__ProxyCondition *c = own->all[i];
		const char *one = arena_printf(node->a, "%s.conditions[%zu]", field, i), *why;

		if (c->header && count_operators(c->header) != 1)
			warn_ignored(node, one, "%s",
				     count_operators(c->header)
					     ? "one test counts, the others are ignored: use a "
					       "condition for each"
					     : "ignored: it has no test such as present or exact");
		why = c->query_parameter ? query_fault(c->query_parameter) : NULL;
		if (why)
			proxy_warning(node, "RouteError/QueryNeverMatches", one,
				      "no request meets it: %s", why);
	}
}

/* ---- headers ---- */

static void look_at_headers(struct proxy_node *node, const K8s__ProxyHeaders *h, const char *field)
{
	for (size_t i = 0; h && i < h->n_set; i++)
		for (size_t k = 0; k < h->n_remove; k++)
			if (strcasecmp(h->set[i]->name, h->remove[k]) == 0)
				warn_ignored(node, field, "header %s is both set and removed",
					     h->set[i]->name);
}

/* ---- redirects ---- */

static bool is_same(const char *given, const char *other)
{
	return !given || !*given || strcasecmp(given, other) == 0;
}

static bool is_loop(const struct proxy_node *node, const K8s__ProxyRedirect *to,
		    const struct route_match *m)
{
	const struct proxy_node *root = node;
	bool prefix = to->prefix && *to->prefix, tls;

	while (root->parent)
		root = root->parent;
	tls = root->proxy->spec->virtualhost->tls && !root->proxy->spec->tcpproxy;
	if (!is_same(to->scheme, tls ? "https" : "http") || !is_same(to->hostname, node->host) ||
	    (to->has_port && to->port != (tls ? 443 : 80)))
		return false;
	if (to->path && *to->path)
		return m->kind == PATH_EXACT && strcmp(to->path, m->path) == 0;
	return !prefix || strcmp(to->prefix, m->path) == 0;
}

/* ---- plain HTTP ---- */

/* Challenges of certificate authorities come without any certificate. */
#define WELL_KNOWN "/.well-known/"

static void look_at_plain(struct proxy_node *node, const struct route *made)
{
	const struct proxy_node *root = node;
	const K8s__ProxyClientValidation *v;
	const K8s__ProxyTLS *tls;

	while (root->parent)
		root = root->parent;
	tls = root->proxy->spec->virtualhost->tls;
	v = tls ? tls->client_validation : NULL;
	if (!v || v->optional_client_certificate || v->skip_client_cert_validation ||
	    made->plain != PLAIN_SERVED || made->kind != ROUTE_FORWARD ||
	    strncmp(made->match.path, WELL_KNOWN, strlen(WELL_KNOWN)) == 0)
		return;
	proxy_warning(node, "TLSWarning/ServedWithoutCertificate",
		      arena_printf(node->a, "%s.permitInsecure", made->origin.field),
		      "plain HTTP serves the route without the certificate that "
		      "tls.clientValidation asks clients for");
}

/* ---- forwarding ---- */

static bool has_word(char *const *all, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i], word) == 0)
			return true;
	return false;
}

static void look_at_retries(struct proxy_node *node, const K8s__ProxyRetry *retry,
			    const struct forward *made, const char *field)
{
	const struct go_duration *try = &made->retries->per_try, *all = &made->timeouts.request;
	bool codes = has_word(retry->retry_on, retry->n_retry_on, "retriable-status-codes");

	if (retry->n_retriable_status_codes && !codes)
		warn_ignored(node, arena_printf(node->a, "%s.retriableStatusCodes", field),
			     "ignored: they count with retriable-status-codes in retryOn only");
	if (!retry->n_retriable_status_codes && codes)
		warn_ignored(node, arena_printf(node->a, "%s.retryOn", field),
			     "retriable-status-codes is ignored: there are no "
			     "retriableStatusCodes");
	if (has_word(retry->retry_on, retry->n_retry_on, "retriable-headers"))
		warn_ignored(node, arena_printf(node->a, "%s.retryOn", field),
			     "retriable-headers is ignored: no headers are told to Envoy");
	if (try->usec > 0 && all->usec > 0 && try->usec >= all->usec)
		warn_ignored(node, arena_printf(node->a, "%s.perTryTimeout", field),
			     "ignored: timeoutPolicy.response is not longer, and ends the request "
			     "first");
}

static void look_at_hashes(struct proxy_node *node, const K8s__ProxyLoadBalancer *lb,
			   const char *field)
{
	for (size_t i = 0; i < lb->n_request_hash_policies; i++) {
		const K8s__ProxyHeaderHash *h = lb->request_hash_policies[i]->header_hash_options;
		const char *why = h ? header_unseen(node->r, h->header_name) : NULL;

		if (why)
			warn_ignored(node,
				     arena_printf(node->a,
						  "%s.loadBalancerPolicy.requestHashPolicies[%zu]."
						  "headerHashOptions.headerName",
						  field, i),
				     "ignored: %s", why);
	}
}

static void look_at_forward(struct proxy_node *node, const K8s__ProxyRoute *route,
			    const struct route *made)
{
	const K8s__ProxyLoadBalancer *lb = route->load_balancer_policy;
	const K8s__ProxyPathRewrite *rewrite = route->path_rewrite_policy;
	const K8s__ProxyRetry *retry = route->retry_policy;
	const char *field = made->origin.field;
	size_t targets = 0;

	for (size_t i = 0; i < route->n_services; i++)
		targets += !route->services[i]->mirror;
	if (!targets)
		proxy_warning(node, "ServiceError/OnlyMirrors",
			      arena_printf(node->a, "%s.services", field),
			      "all of them are mirrors: requests are answered with 503");
	if (lb && lb->n_request_hash_policies && strcmp(lb->strategy, "RequestHash") != 0)
		warn_ignored(node,
			     arena_printf(node->a, "%s.loadBalancerPolicy.requestHashPolicies",
					  field),
			     "ignored: they count with strategy RequestHash only");
	else if (lb)
		look_at_hashes(node, lb, field);
	if (retry)
		look_at_retries(node, retry, &made->forward,
				arena_printf(node->a, "%s.retryPolicy", field));
	for (size_t i = 0; i < route->n_services; i++)
		if (route->services[i]->health_port && !route->health_check_policy)
			warn_ignored(node,
				     arena_printf(node->a, "%s.services[%zu].healthPort", field, i),
				     "ignored: without a healthCheckPolicy nothing is checked");
	/* A child that is included below several prefixes need not replace all of them. */
	if (rewrite && rewrite->n_replace_prefix && made->forward.rewrite.kind == REWRITE_NONE &&
	    !node->parent)
		warn_ignored(node,
			     arena_printf(node->a, "%s.pathRewritePolicy.replacePrefix", field),
			     "no prefix in it is %s, that of the route: nothing is replaced",
			     made->match.path);
}

void proxy_route_advise(struct proxy_node *node, const K8s__ProxyRoute *route,
			const struct route *made)
{
	const struct proxy_conditions own = { route->conditions, route->n_conditions, NULL };
	const char *field = made->origin.field;

	proxy_conditions_advise(node, &own, &made->match, field);
	look_at_headers(node, route->request_headers_policy,
			arena_printf(node->a, "%s.requestHeadersPolicy", field));
	look_at_headers(node, route->response_headers_policy,
			arena_printf(node->a, "%s.responseHeadersPolicy", field));
	if (route->request_redirect_policy &&
	    is_loop(node, route->request_redirect_policy, &made->match))
		proxy_warning(node, "RouteError/RedirectLoop",
			      arena_printf(node->a, "%s.requestRedirectPolicy", field),
			      "it redirects to the URL that was asked for, without end");
	look_at_plain(node, made);
	if (made->kind == ROUTE_FORWARD)
		look_at_forward(node, route, made);
}
