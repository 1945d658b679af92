/* Header policies of HTTPProxy, and of the configuration. A user's value reaches Envoy as a format string, so all but a list of
 * variables is escaped. Runs in the translator. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/strbuf.h"
#include "translator/proxy.h"

typedef Envoy__Config__Core__V3__HeaderValueOption Option;

static const char *const variables[] = {
	"DOWNSTREAM_REMOTE_ADDRESS",
	"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
	"DOWNSTREAM_LOCAL_ADDRESS",
	"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
	"DOWNSTREAM_LOCAL_PORT",
	"DOWNSTREAM_LOCAL_URI_SAN",
	"DOWNSTREAM_PEER_URI_SAN",
	"DOWNSTREAM_LOCAL_SUBJECT",
	"DOWNSTREAM_PEER_SUBJECT",
	"DOWNSTREAM_PEER_ISSUER",
	"DOWNSTREAM_TLS_SESSION_ID",
	"DOWNSTREAM_TLS_CIPHER",
	"DOWNSTREAM_TLS_VERSION",
	"DOWNSTREAM_PEER_FINGERPRINT_256",
	"DOWNSTREAM_PEER_FINGERPRINT_1",
	"DOWNSTREAM_PEER_SERIAL",
	"DOWNSTREAM_PEER_CERT",
	"DOWNSTREAM_PEER_CERT_V_START",
	"DOWNSTREAM_PEER_CERT_V_END",
	"HOSTNAME",
	"PROTOCOL",
	"UPSTREAM_REMOTE_ADDRESS",
	"RESPONSE_FLAGS",
	"RESPONSE_CODE_DETAILS",
	"TLS_JA3_FINGERPRINT",
	"TLS_JA4_FINGERPRINT",
};

/* "REQ(name)", "REQ(name?other):20" */
static bool is_request_variable(const char *s, size_t n)
{
	size_t i = 4, others = 0;

	if (n < 6 || strncmp(s, "REQ(", 4) != 0)
		return false;
	while (i < n && s[i] != ')') {
		if (!isalnum((unsigned char)s[i]) && !strchr("-_:.?", s[i]))
			return false;
		others += s[i++] == '?';
	}
	if (i == 4 || i >= n || others > 1)
		return false;
	i++;
	if (i == n)
		return true;
	if (s[i++] != ':' || i == n)
		return false;
	while (i < n)
		if (!isdigit((unsigned char)s[i++]))
			return false;
	return true;
}

static bool is_variable(const char *s, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		if (strlen(variables[i]) == n && memcmp(variables[i], s, n) == 0)
			return true;
	return is_request_variable(s, n);
}

/* What we know ourselves; a "%" in it is escaped with the rest. */
static const char *known_value(const struct header_context *c, const char *s, size_t n)
{
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "CONTOUR_NAMESPACE", c->namespace },
		{ "CONTOUR_SERVICE_NAME", c->service },
		{ "CONTOUR_SERVICE_PORT", c->port },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].value && strlen(rows[i].name) == n && memcmp(rows[i].name, s, n) == 0)
			return rows[i].value;
	return NULL;
}

static char *escape(struct arena *a, const struct header_context *c, const char *value)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	while (*value) {
		const char *end = *value == '%' ? strchr(value + 1, '%') : NULL;
		size_t n = end ? (size_t)(end - value - 1) : 0;
		const char *known = end ? known_value(c, value + 1, n) : NULL;

		if (known) {
			strbuf_puts(&b, known);
			value = end + 1;
		} else if (end && is_variable(value + 1, n)) {
			strbuf_add(&b, value, n + 2);
			value = end + 1;
		} else {
			strbuf_puts(&b, *value == '%' ? "%%" : "");
			if (*value != '%')
				strbuf_putc(&b, *value);
			value++;
		}
	}
	return arena_strdup(a, strbuf_str(&b));
}

/* As Go writes header names: "x-foo" becomes "X-Foo". NULL if it is no token (RFC 9110, 5.6.2). */
static char *canonical(struct arena *a, const char *name)
{
	char *copy = arena_strdup(a, name);
	bool upper = true;

	if (!*name)
		return NULL;
	for (char *p = copy; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("!#$%&'*+-.^_`|~", *p))
			return NULL;
		*p = (char)(upper ? toupper((unsigned char)*p) : tolower((unsigned char)*p));
		upper = *p == '-';
	}
	return copy;
}

/* A value must not end the header: RFC 9110, section 5.5. */
static bool is_value(const char *s)
{
	return !strpbrk(s, "\r\n");
}

static int set_host(struct arena *a, const char *value, struct header_policy *ret, const char **ret_why)
{
	size_t n = strlen(value);

	if (n > 7 && strncmp(value, "%REQ(", 5) == 0 && strcmp(value + n - 2, ")%") == 0) {
		ret->host_header = canonical(a, arena_strndup(a, value + 5, n - 7));
		if (ret->host_header)
			return 0;
	}
	if (!*value || strpbrk(value, "% \t/?#")) {
		*ret_why = "Host must be a name, or %REQ(a header)%";
		return -EINVAL;
	}
	ret->host = value;
	return 0;
}

static int compare_options(const void *x, const void *y)
{
	return strcmp((*(Option *const *)x)->header->key, (*(Option *const *)y)->header->key);
}

static int compare_words(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static Option *option(struct arena *a, char *name, char *value)
{
	Option *o = ENVOY_NEW(a, Option, ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__INIT);

	o->header = ENVOY_NEW(a, Envoy__Config__Core__V3__HeaderValue,
			      ENVOY__CONFIG__CORE__V3__HEADER_VALUE__INIT);
	o->header->key = name;
	o->header->value = value;
	o->append_action =
		ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__OVERWRITE_IF_EXISTS_OR_ADD;
	return o;
}

static int parse_set(struct proxy_node *node, const K8s__ProxyHeaders *p, bool response,
		     const struct header_context *c, struct header_policy *ret, const char **ret_why)
{
	ret->set = arena_new_of(node->a, Option *, p->n_set + 1);
	for (size_t i = 0; i < p->n_set; i++) {
		char *name = canonical(node->a, p->set[i]->name);

		if (!name || !is_value(p->set[i]->value)) {
			*ret_why = arena_printf(node->a, "\"%s\" is not a header's name, or its value has a "
							 "line break",
						p->set[i]->name);
			return -EINVAL;
		}
		for (size_t k = 0; k < ret->n_set; k++)
			if (strcmp(ret->set[k]->header->key, name) == 0) {
				*ret_why = arena_printf(node->a, "header %s is set twice", name);
				return -EINVAL;
			}
		if (strcmp(name, "Host") == 0) {
			if (response || ret->host || ret->host_header) {
				*ret_why = response ? "a response has no Host" : "Host is set twice";
				return -EINVAL;
			}
			if (set_host(node->a, p->set[i]->value, ret, ret_why) < 0)
				return -EINVAL;
			continue;
		}
		ret->set[ret->n_set++] = option(node->a, name, escape(node->a, c, p->set[i]->value));
	}
	if (ret->n_set)
		qsort(ret->set, ret->n_set, sizeof(*ret->set), compare_options);
	return 0;
}

static int parse_remove(struct proxy_node *node, const K8s__ProxyHeaders *p, struct header_policy *ret,
			const char **ret_why)
{
	ret->remove = arena_new_of(node->a, char *, p->n_remove + 1);
	for (size_t i = 0; i < p->n_remove; i++) {
		char *name = canonical(node->a, p->remove[i]);

		if (!name || strcmp(name, "Host") == 0) {
			*ret_why = arena_printf(node->a, "\"%s\" is not a header that can be removed",
						p->remove[i]);
			return -EINVAL;
		}
		ret->remove[ret->n_remove++] = name;
	}
	if (ret->n_remove)
		qsort(ret->remove, ret->n_remove, sizeof(*ret->remove), compare_words);
	for (size_t i = 1; i < ret->n_remove; i++)
		if (strcmp(ret->remove[i - 1], ret->remove[i]) == 0) {
			*ret_why = arena_printf(node->a, "header %s is removed twice", ret->remove[i]);
			return -EINVAL;
		}
	return 0;
}

int proxy_headers_parse(struct proxy_node *node, const K8s__ProxyHeaders *policy, bool response,
			const char *service, const char *port, struct header_policy *ret,
			const char **ret_why)
{
	const struct header_context c = { node->namespace, service, port };
	struct header_policy p = { 0 };

	if (policy && (parse_set(node, policy, response, &c, &p, ret_why) < 0 ||
		       parse_remove(node, policy, &p, ret_why) < 0))
		return -EINVAL;
	*ret = p;
	return 0;
}

/* ---- for all Services ---- */

static bool is_set(const struct header_policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_set; i++)
		if (strcmp(p->set[i]->header->key, name) == 0)
			return true;
	return false;
}

static bool is_removed(const struct header_policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_remove; i++)
		if (strcmp(p->remove[i], name) == 0)
			return true;
	return false;
}

/* What could not be set was taken out by the configuration's check. */
void proxy_headers_default(struct arena *a, const struct header_context *c, const K8s__ConfigHeaders *all,
			   struct header_policy *ret)
{
	Option **set = arena_new_of(a, Option *, ret->n_set + all->n_set + 1);
	char **remove = arena_new_of(a, char *, ret->n_remove + all->n_remove + 1), *name;

	if (ret->n_set)
		memcpy(set, ret->set, ret->n_set * sizeof(*set));
	if (ret->n_remove)
		memcpy(remove, ret->remove, ret->n_remove * sizeof(*remove));
	ret->set = set;
	ret->remove = remove;
	for (size_t i = 0; i < all->n_set; i++) {
		name = canonical(a, all->set[i]->key);
		if (strcmp(name, "Host") == 0)
			ret->host = ret->host || ret->host_header ? ret->host : all->set[i]->value;
		else if (!is_set(ret, name))
			set[ret->n_set++] = option(a, name, escape(a, c, all->set[i]->value));
	}
	for (size_t i = 0; i < all->n_remove; i++) {
		name = canonical(a, all->remove[i]);
		if (!is_removed(ret, name))
			remove[ret->n_remove++] = name;
	}
	if (ret->n_set)
		qsort(set, ret->n_set, sizeof(*set), compare_options);
	if (ret->n_remove)
		qsort(remove, ret->n_remove, sizeof(*remove), compare_words);
}

bool proxy_headers_none(const struct header_policy *p)
{
	return !p->n_set && !p->n_remove && !p->host;
}

void proxy_headers_encode(const struct header_policy *request, const struct header_policy *response,
			  Envoy__Config__Route__V3__WeightedCluster__ClusterWeight *ret)
{
	ret->n_request_headers_to_add = request->n_set;
	ret->request_headers_to_add = request->set;
	ret->n_request_headers_to_remove = request->n_remove;
	ret->request_headers_to_remove = request->remove;
	ret->n_response_headers_to_add = response->n_set;
	ret->response_headers_to_add = response->set;
	ret->n_response_headers_to_remove = response->n_remove;
	ret->response_headers_to_remove = response->remove;
	if (!request->host)
		return;
	ret->host_rewrite_specifier_case =
		ENVOY__CONFIG__ROUTE__V3__WEIGHTED_CLUSTER__CLUSTER_WEIGHT__HOST_REWRITE_SPECIFIER_HOST_REWRITE_LITERAL;
	ret->host_rewrite_literal = (char *)request->host;
}
