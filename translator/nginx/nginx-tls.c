/* The certificate of a host. */
#include <string.h>
#include <strings.h>

#include "common/configuration/configuration.h"
#include "translator/check/certificate.h"
#include "translator/kinds.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-extra.h"
#include "translator/nginx/nginx-tls.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"
#include "translator/resolve/secret.h"

/* ---- the entry ---- */

static bool names(const K8s__IngressTLS *t, const char *host)
{
	for (size_t i = 0; i < t->n_hosts; i++)
		if (strcasecmp(t->hosts[i], host) == 0)
			return true;
	return false;
}

static const Portolan__Model__SecretResult *facts_of(struct nginx_plan *p,
						     const struct nginx_ingress *in,
						     const K8s__IngressTLS *t, const char **ret_key)
{
	if (!*t->secret_name)
		return NULL;
	*ret_key = arena_printf(p->a, "%s/%s", in->namespace, t->secret_name);
	return secret_find(p->r, *ret_key);
}

static bool covers(const Portolan__Model__SecretResult *facts, const char *host)
{
	return facts && facts->usable && certificate_covers(facts->names, facts->n_names, host);
}

static const K8s__IngressTLS *entry_of(struct nginx_plan *p, const struct nginx_ingress *in,
				       size_t *ret_index)
{
	const K8s__IngressSpec *s = in->object->spec;
	const char *key;

	for (*ret_index = 0; *ret_index < s->n_tls; (*ret_index)++)
		if (names(s->tls[*ret_index], p->host))
			return s->tls[*ret_index];
	for (*ret_index = 0; *ret_index < s->n_tls; (*ret_index)++)
		if (covers(facts_of(p, in, s->tls[*ret_index], &key), p->host))
			return s->tls[*ret_index];
	return NULL;
}

/* ---- the certificate ---- */

static struct host_tls *make(struct nginx_plan *p, const char *secret, const char *field)
{
	struct host_tls *tls = arena_new_of(p->a, struct host_tls, 1);

	*tls = (struct host_tls){ .secret = secret, .field = field };
	return tls;
}

/* All hosts without a certificate of their own have the same one: they share a filter chain with
 * hosts of HTTPProxies for clients without a server name. */
static const char *shared_secret(struct nginx_plan *p, const char *otherwise)
{
	const K8s__ConfigHTTPProxy *proxies = config_read(p->r)->httpproxy;
	const char *key = proxies && proxies->fallback_certificate
				  ? object_reference(p->r, proxies->fallback_certificate)
				  : NULL;

	return key && secret_find(p->r, key)->usable ? key : otherwise;
}

/* The certificate of the settings; else the watcher's own. A host without a TLS section has no
 * filter chain of its own for it. */
static struct host_tls *otherwise(struct nginx_plan *p)
{
	const char *secret = nginx_config_default_certificate(p->r);
	const char *field = "ingressNginx.defaultSslCertificate";
	struct host_tls *tls;
	bool unnamed;

	if (!secret && read_object(p->r, OBJECT_SECRET, OWN_CERTIFICATE_KEY)) {
		secret = OWN_CERTIFICATE_KEY;
		field = "spec.tls";
	}
	unnamed = !p->has_tls || strcmp(p->host, "*") == 0;
	if (secret && unnamed)
		secret = shared_secret(p, secret);
	if (!secret || !secret_find(p->r, secret)->usable)
		return NULL;
	tls = make(p, secret, field);
	tls->unnamed = unnamed;
	return tls;
}

static const char *problem(struct nginx_plan *p, const char *key,
			   const Portolan__Model__SecretResult *facts)
{
	if (!facts)
		return "no entry of spec.tls has a certificate for the host";
	if (!facts->usable)
		return arena_printf(p->a, "Secret %s: %s", key, facts->message);
	return arena_printf(p->a, "the certificate in Secret %s is not for the host", key);
}

static struct host_tls *choose(struct nginx_plan *p, const struct nginx_ingress *in)
{
	const Portolan__Model__SecretResult *facts = NULL;
	struct host_tls *fallback;
	const K8s__IngressTLS *t;
	const char *key = NULL, *field;
	size_t index;

	t = entry_of(p, in, &index);
	field = t ? arena_printf(p->a, "spec.tls[%zu]", index) : "spec.tls";
	if (t)
		facts = facts_of(p, in, t, &key);
	if (covers(facts, p->host))
		return make(p, key, field);
	fallback = otherwise(p);
	if (p->quiet)
		return fallback;
	nginx_warning(p, in, fallback ? "DefaultCertificate" : "CertificateMissing", field,
		      "host %s: %s; %s", p->host, problem(p, key, facts),
		      fallback ? "the default certificate is served"
			       : "it is not served over HTTPS, as there is no default certificate "
				 "(a watcher that runs makes one, or "
				 "ingressNginx.defaultSslCertificate names one)");
	return fallback;
}

/* TLS on "*.d" counts for "x.d", too, which then has the certificate of "*.d". */
static struct host_tls *of_wildcard(struct nginx_plan *p)
{
	const char *dot = strchr(p->host, '.');
	struct nginx_plan above = { .r = p->r, .a = p->a, .quiet = true };
	const struct item *const *facts;
	size_t n = 0;

	if (!dot || *p->host == '*')
		return NULL;
	above.host = arena_printf(p->a, "*%s", dot);
	facts = read_facts(p->r, FACT_NGINX_HOST, above.host, strlen(above.host), &n);
	for (size_t i = 0; i < n; i++) {
		const struct nginx_ingress *in =
			nginx_ingress_read(p->r, (const char *)item_value(facts[i]), false);

		if (!in || in->canary || !in->object->spec->n_tls)
			continue;
		p->has_tls = above.has_tls = true;
		return choose(&above, in);
	}
	return NULL;
}

struct host_tls *nginx_tls_choose(struct nginx_plan *p)
{
	struct host_tls *above;

	for (size_t i = 0; i < p->n_mains; i++) {
		if (!p->mains[i]->object->spec->n_tls)
			continue;
		p->has_tls = true;
		return choose(p, p->mains[i]);
	}
	above = of_wildcard(p);
	return above ? above : otherwise(p);
}

const struct host_tls *nginx_tls_name(struct nginx_plan *p, const struct host_tls *of)
{
	if (of && of->secret && covers(secret_find(p->r, of->secret), p->host))
		return of;
	return nginx_tls_complete(p, otherwise(p));
}

/* ssl-protocols: Envoy takes a lowest and a highest version, from TLS 1.2 on. */
static void set_versions(struct nginx_plan *p, struct host_tls *ret)
{
	const char *list = nginx_config_text(p->r, "ssl-protocols");
	bool two = list && strstr(list, "TLSv1.2"), three = list && strstr(list, "TLSv1.3");

	if (!two && !three)
		return;
	ret->min_version = two ? 2 : 3;
	ret->max_version = three ? 3 : 2;
}

const struct host_tls *nginx_tls_complete(struct nginx_plan *p, const struct host_tls *tls)
{
	struct host_tls *ret;
	const char *list = NULL;

	if (!tls)
		return NULL;
	ret = arena_memdup(p->a, tls, sizeof(*tls));
	if (!ret->client)
		ret->client = p->client.validation;
	ret->unnamed &= !ret->client;
	if (ret->unnamed)
		return ret;
	for (size_t i = 0; i < p->n_mains; i++) {
		const struct nginx_ingress *in = p->mains[i];

		ret->cookies |= nginx_extra_rewrites(p, in);
		if (list || !nginx_own_text(in, "ssl-ciphers"))
			continue;
		list = nginx_own_text(in, "ssl-ciphers");
		nginx_ciphers_read(p, in, list, "ssl-ciphers", &ret->ciphers, &ret->n_ciphers);
	}
	if (!list && nginx_config_text(p->r, "ssl-ciphers"))
		nginx_ciphers_read(p, p->mains[0], nginx_config_text(p->r, "ssl-ciphers"), NULL,
				   &ret->ciphers, &ret->n_ciphers);
	set_versions(p, ret);
	return ret;
}
