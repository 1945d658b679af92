/* Warnings about what a Gateway or a ListenerSet says of its listeners without effect. They change
 * neither conditions nor traffic. */
#include <string.h>

#include "translator/check/certificate.h"
#include "translator/gateway/gateway.h"
#include "translator/model/host-name.h"
#include "translator/resolve/object.h"
#include "translator/resolve/secret.h"

#define warn(g, o, reason, field, ...) \
	object_warning((g)->r, (o)->kind, (o)->key, reason, field, __VA_ARGS__)

/* ---- certificates ---- */

static bool is_for(const ModelSecretResult *facts, const char *host)
{
	if (*host != '*')
		return certificate_covers(facts->names, facts->n_names, host);
	for (size_t i = 0; i < facts->n_names; i++)
		if (host_name_intersect(host, facts->names[i]))
			return true;
	return false;
}

static void look_at_certificates(struct gateway *g, const struct gateway_listener *l)
{
	const char *field = arena_printf(g->a, "%s.tls.certificateRefs", l->field);
	bool good = strcmp(l->host, "*") == 0 || !l->n_secrets;

	for (size_t i = 0; i < l->n_secrets && !good; i++)
		good = is_for(secret_find(g->r, l->secrets[i]), l->host);
	if (!good)
		warn(g, l->owner, "CertificateName", field,
		     "the certificate in Secret %s is not for host %s; clients will refuse it",
		     l->secrets[0], l->host);
	if (l->protocol == LISTENER_TLS_PASSTHROUGH && l->spec->tls->n_certificate_refs)
		warn(g, l->owner, "FieldIgnored", field,
		     "ignored: with tls.mode Passthrough the backend shows its own certificate");
}

/* The settings for clients' certificates hold on HTTPS listeners only (G-FCV-1). */
static bool has_https(const struct gateway *g, int32_t port)
{
	for (size_t i = 0; i < g->n_owners; i++)
		for (size_t k = 0; k < g->owners[i].n_specs; k++)
			if (g->owners[i].listeners[k].protocol == LISTENER_HTTPS &&
			    (!port || g->owners[i].specs[k]->port == port))
				return true;
	return false;
}

static void look_at_clients(struct gateway *g)
{
	const K8s__GatewayTLSConfig *tls = g->object->spec->tls;
	const K8s__FrontendTLSConfig *f = tls ? tls->frontend : NULL;

	if (f && f->default_ && f->default_->validation && !has_https(g, 0))
		warn(g, &g->owners[0], "FieldIgnored", "spec.tls.frontend.default",
		     "ignored: there is no HTTPS listener whose clients it could be about");
	for (size_t i = 0; f && i < f->n_per_port; i++)
		if (!has_https(g, f->per_port[i]->port))
			warn(g, &g->owners[0], "FieldIgnored",
			     arena_printf(g->a, "spec.tls.frontend.perPort[%zu]", i),
			     "ignored: no HTTPS listener has port %d", f->per_port[i]->port);
}

/* ---- namespaces ---- */

static bool is_operator(const char *word)
{
	static const char *const all[] = { "In", "NotIn", "Exists", "DoesNotExist" };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i], word) == 0)
			return true;
	return false;
}

static void look_at_namespaces(struct gateway *g, const struct listener_owner *o, const char *from,
			       const K8s__LabelSelector *selector, const char *field)
{
	if (strcmp(from, "Selector") != 0) {
		if (selector)
			warn(g, o, "FieldIgnored", field,
			     "its selector is ignored: it counts with from: Selector only");
		return;
	}
	if (!selector)
		warn(g, o, "SelectorMissing", field,
		     "from: Selector without a selector allows no namespace");
	for (size_t i = 0; selector && i < selector->n_match_expressions; i++)
		if (!is_operator(selector->match_expressions[i]->operator_))
			warn(g, o, "SelectorInvalid", field,
			     "operator \"%s\" fits no namespace: it is one of In, NotIn, Exists "
			     "and "
			     "DoesNotExist",
			     selector->match_expressions[i]->operator_);
}

static void look_at_listener(struct gateway *g, const struct gateway_listener *l)
{
	const K8s__RouteNamespaces *n =
		l->spec->allowed_routes ? l->spec->allowed_routes->namespaces : NULL;

	look_at_certificates(g, l);
	if (l->spec->tls && l->spec->tls->n_options)
		warn(g, l->owner, "FieldIgnored", arena_printf(g->a, "%s.tls.options", l->field),
		     "ignored: no option has a meaning here");
	if (n)
		look_at_namespaces(g, l->owner, n->from, n->selector,
				   arena_printf(g->a, "%s.allowedRoutes.namespaces", l->field));
}

void gateway_listeners_advise(struct gateway *g)
{
	const K8s__AllowedListeners *allowed = g->object->spec->allowed_listeners;
	const K8s__GatewayInfrastructure *own = g->object->spec->infrastructure;

	for (size_t i = 0; i < g->n_owners; i++)
		for (size_t k = 0; k < g->owners[i].n_specs; k++)
			look_at_listener(g, &g->owners[i].listeners[k]);
	look_at_clients(g);
	if (!*g->fleet && own && (own->n_labels || own->n_annotations || own->parameters_ref))
		warn(g, &g->owners[0], "FieldIgnored", "spec.infrastructure",
		     "ignored: the Gateway has no Envoys of its own, for which it would be");
	if (allowed && allowed->namespaces)
		look_at_namespaces(g, &g->owners[0], allowed->namespaces->from,
				   allowed->namespaces->selector,
				   "spec.allowedListeners.namespaces");
}
