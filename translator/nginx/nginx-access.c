/* Access to a path: address lists, passwords, external authorization, limits. A protection that
 * cannot be honoured closes the path. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "translator/check/htpasswd.h"
#include "translator/kinds.h"
#include "translator/nginx/nginx-address.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-error.h"
#include "translator/nginx/nginx-plan.h"
#include "translator/nginx/nginx-upstream.h"
#include "translator/resolve/secret.h"

#define MIB               (1024 * 1024)
#define BURST             5
#define FILL_USEC_MIN     50000 /* Envoy's shortest interval */
#define NO_AUTH_LOCATIONS "/.well-known/acme-challenge"
#define ANNOTATION(name)  "metadata.annotations[" NGINX_PREFIX name "]"

/* ---- addresses ---- */

static void read_ranges(struct nginx_plan *p, const char *list, struct address_range **ret,
			size_t *ret_n)
{
	struct nginx_network *networks;

	*ret_n = list ? nginx_addresses_read(p->a, list, &networks) : 0;
	*ret = arena_new_of(p->a, struct address_range, *ret_n + 1);
	for (size_t i = 0; i < *ret_n; i++)
		(*ret)[i] = (struct address_range){ .address = networks[i].address,
						    .bits = networks[i].bits };
}

static const char *source_range(struct nginx_plan *p, const struct nginx_ingress *in,
				const char *name, const char *key)
{
	const char *own = nginx_own_text(in, name);

	return own ? own : nginx_config_text(p->r, key);
}

static void read_addresses(struct nginx_plan *p, const struct nginx_ingress *in,
			   struct route_filters *ret)
{
	const char *allow = source_range(p, in, "allowlist-source-range", "whitelist-source-range");
	const char *deny = source_range(p, in, "denylist-source-range", "denylist-source-range");
	struct address_rules *rules;

	if (!allow && !deny)
		return;
	rules = arena_new_of(p->a, struct address_rules, 1);
	read_ranges(p, allow ? allow : deny, &rules->all, &rules->n);
	rules->deny = !allow;
	/* Of the ConfigMap's list bad items are passed over; nobody is in a list of such alone. */
	if (allow && !rules->n) {
		rules->deny = true;
		read_ranges(p, "0.0.0.0/0,::/0", &rules->all, &rules->n);
	} else if (allow) {
		read_ranges(p, deny, &rules->except, &rules->n_except);
	}
	if (rules->n)
		ret->addresses = rules;
}

/* ---- passwords ---- */

static bool is_exempt(struct nginx_plan *p, const struct nginx_source *s)
{
	const char *list = nginx_config_text(p->r, "no-auth-locations");

	return nginx_config_lists(s->text, list ? list : NO_AUTH_LOCATIONS);
}

static const char *closed(struct nginx_plan *p, const struct nginx_source *s, const char *field,
			  const char *why)
{
	nginx_error(p, s->ingress, "AccessClosed", field,
		    "%s; the path answers 503, since it would be open otherwise", why);
	if (!p->quiet)
		emit_verdict(p->r, OBJECT_INGRESS, s->ingress->key,
			     PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
	return why;
}

static const K8s__Secret *find_secret(struct nginx_plan *p, const struct nginx_source *s,
				      const char **ret_key, const char **ret_why)
{
	const char *text = nginx_own_text(s->ingress, "auth-secret");
	const K8s__Secret *secret;

	if (!text) {
		*ret_why = "auth-type needs auth-secret";
		return NULL;
	}
	*ret_key = nginx_reference(p, s->ingress, text, ret_why);
	secret = *ret_key ? read_message(p->r, OBJECT_SECRET, *ret_key) : NULL;
	if (*ret_key && !secret)
		*ret_why = object_missing(p->r, OBJECT_SECRET, *ret_key);
	return secret;
}

static bool is_map(const struct nginx_source *s)
{
	const char *type = nginx_own_text(s->ingress, "auth-secret-type");

	return type && strstr(type, "auth-map");
}

/* auth-map: each key is a user, each value a hash. */
static const char *join_map(struct nginx_plan *p, const K8s__Secret *secret)
{
	const char *all = "";

	for (size_t i = 0; i < secret->n_data; i++)
		all = arena_printf(p->a, "%s%s:%.*s\n", all, secret->data[i]->key,
				   (int)secret->data[i]->value.len,
				   (const char *)secret->data[i]->value.data);
	return all;
}

static const char *users_of(struct nginx_plan *p, const struct nginx_source *s,
			    const K8s__Secret *secret, const char *key, const char **ret_why)
{
	ProtobufCBinaryData file = secret_data(secret, "auth");

	if (is_map(s))
		return join_map(p, secret);
	if (file.len)
		return arena_strndup(p->a, (const char *)file.data, file.len);
	*ret_why = arena_printf(p->a, "Secret %s has no key auth", key);
	return NULL;
}

/* Envoy's own filter, if it is the only check. */
static const char *read_for_envoy(struct nginx_plan *p, const struct nginx_source *s,
				  const char *users, const char *key, struct route_filters *ret)
{
	struct passwords *passwords = arena_new_of(p->a, struct passwords, 1);
	const char *why;

	passwords->users = htpasswd_usable(p->a, users, &why);
	if (!passwords->users)
		return closed(p, s, ANNOTATION("auth-secret"),
			      arena_printf(p->a, "Secret %s: %s", key, why));
	passwords->realm = nginx_own_text(s->ingress, "auth-realm");
	ret->passwords = passwords;
	return NULL;
}

static const char *read_for_checker(struct nginx_plan *p, const struct nginx_source *s,
				    const char *users, const char *key, struct access *ret)
{
	struct access_passwords *passwords = arena_new_of(p->a, struct access_passwords, 1);
	const char *why, *warning, *lines = htpasswd_checkable(p->a, users, &why, &warning);

	if (!lines)
		return closed(p, s, ANNOTATION("auth-secret"),
			      arena_printf(p->a, "Secret %s: %s", key, why));
	if (warning)
		nginx_warning(p, s->ingress, "PasswordUnusable", ANNOTATION("auth-secret"),
			      "Secret %s, %s", key, warning);
	passwords->users = arena_printf(p->a, "%s/%s", key, is_map(s) ? "map" : "file");
	passwords->realm = nginx_own_text(s->ingress, "auth-realm");
	emit_output(p->r, OUTPUT_USERS, passwords->users, lines, strlen(lines));
	ret->passwords = passwords;
	return NULL;
}

static const char *read_passwords(struct nginx_plan *p, const struct nginx_source *s,
				  struct access *ret, struct route_filters *ret_filters)
{
	const char *type = nginx_own_text(s->ingress, "auth-type"), *why = NULL, *key, *users;
	const K8s__Secret *secret;

	if (!type || is_exempt(p, s))
		return NULL;
	if (strcmp(type, "basic") != 0)
		return closed(p, s, ANNOTATION("auth-type"),
			      "only basic authentication can be served");
	secret = find_secret(p, s, &key, &why);
	users = secret ? users_of(p, s, secret, key, &why) : NULL;
	if (!users)
		return closed(p, s, ANNOTATION("auth-secret"), why);
	return nginx_config_has_checker(p->r) ? read_for_checker(p, s, users, key, ret)
					      : read_for_envoy(p, s, users, key, ret_filters);
}

/* ---- limits ---- */

/* At most INT64_MAX, which no Content-Length is above. */
static bool is_size(const char *text, uint64_t *ret)
{
	static const struct {
		char letter;
		uint64_t factor;
	} units[] = { { '\0', 1 }, { 'k', 1024 }, { 'm', MIB }, { 'g', 1024ULL * MIB } };
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (tolower((unsigned char)*end) != units[i].letter)
			continue;
		*ret = n > INT64_MAX / units[i].factor ? INT64_MAX : n * units[i].factor;
		return true;
	}
	return false;
}

void nginx_access_bound(struct nginx_plan *p, const struct nginx_source *s,
			const struct route *base)
{
	const char *text = nginx_text(p->r, s->ingress, "proxy-body-size");
	struct route route = *base;
	uint64_t most;

	if (!text || !is_size(text, &most))
		most = MIB;
	if (!most || most == INT64_MAX)
		return;
	match_add_header(p->a, &route.match,
			 (struct value_match){
				 .name = "content-length",
				 .op = MATCH_ABOVE,
				 .value = arena_printf(p->a, "%llu", (unsigned long long)most),
			 });
	if (nginx_error_answer(p, s, 413, &route)) {
		p->forward = MIN(p->forward, p->routes.n);
	} else {
		route.kind = ROUTE_ANSWER;
		route.answer = (struct answer){ .status = 413 };
	}
	nginx_route_append(p, s, &route);
}

/* limit-allowlist: NULL if absent. */
static const struct address_rules *read_exempt(struct nginx_plan *p, const struct nginx_ingress *in)
{
	const char *list = nginx_own_text(in, "limit-allowlist");
	struct address_rules *rules = arena_new_of(p->a, struct address_rules, 1);

	if (!list)
		return NULL;
	read_ranges(p, list, &rules->all, &rules->n);
	return rules;
}

/* A client may have n requests at once for each of the burst, and one more for each interval. */
static struct shared_limit make_limit(struct nginx_plan *p, const struct nginx_ingress *in,
				      const char *name, long n, int64_t per_usec)
{
	long desired = nginx_number(p->r, in, "limit-burst-multiplier", BURST);
	long burst = desired > 0 ? desired : BURST; /* nginx takes no 0 */
	struct shared_limit limit = {
		.key = arena_printf(p->a, "%s %s", in->key, name),
		.max_tokens = (uint32_t)MIN(n * burst + 1, (long)UINT32_MAX),
		.tokens_per_fill = 1,
		.fill_usec = MAX(per_usec / n, 1),
		.has_exempt = nginx_own_text(in, "limit-allowlist") != NULL,
	};

	while (limit.fill_usec < FILL_USEC_MIN) {
		limit.fill_usec *= 2;
		limit.tokens_per_fill *= 2;
	}
	return limit;
}

/* All paths of the Ingress on the host share its limits. */
static void share_limit(struct nginx_plan *p, const struct shared_limit *limit)
{
	struct shared_limits *l = &p->limits;
	struct shared_limit *more;

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->all[i].key, limit->key) == 0)
			return;
	more = arena_new_of(p->a, struct shared_limit, l->n + 1);
	if (l->n)
		memcpy(more, l->all, l->n * sizeof(*more));
	more[l->n++] = *limit;
	l->all = more;
}

static uint32_t limit_status(struct nginx_plan *p)
{
	const char *text = nginx_config_text(p->r, "limit-req-status-code");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n >= 400 && n <= 599 ? (uint32_t)n : 503;
}

static void read_limits(struct nginx_plan *p, const struct nginx_ingress *in,
			struct route_filters *ret)
{
	static const struct {
		const char *name;
		int64_t usec;
	} rows[] = { { "limit-rps", USEC_PER_SEC }, { "limit-rpm", 60 * USEC_PER_SEC } };

	p->limits.status = limit_status(p);
	ret->counted.all = arena_new_of(p->a, struct shared_limit, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		long n = nginx_number(p->r, in, rows[i].name, 0);

		if (n <= 0)
			continue;
		ret->counted.all[ret->counted.n] = make_limit(p, in, rows[i].name, n, rows[i].usec);
		share_limit(p, &ret->counted.all[ret->counted.n++]);
	}
	if (ret->counted.n)
		ret->uncounted = read_exempt(p, in);
}

/* ---- unsupported annotations ---- */

static const struct {
	const char *name, *why;
} closing[] = {
	{ "enable-modsecurity", "Envoy has no ModSecurity" },
	{ "enable-owasp-core-rules", "Envoy has no ModSecurity" },
	{ "modsecurity-snippet", "Envoy has no ModSecurity" },
};

/* enable-modsecurity of the ConfigMap is for all paths that do not say otherwise. */
static bool is_screened(struct nginx_plan *p, const struct nginx_source *s)
{
	return !nginx_own_text(s->ingress, "enable-modsecurity") &&
	       nginx_config_flag(p->r, "enable-modsecurity", false);
}

static const char *unserved(struct nginx_plan *p, const struct nginx_source *s)
{
	const char *custom = NULL;

	if (is_screened(p, s))
		return closed(
			p, s, ANNOTATION("enable-modsecurity"),
			"enable-modsecurity of the ConfigMap asks for ModSecurity, which Envoy "
			"does not have: remove that key, or say false in this annotation, to "
			"serve the path without");
	for (size_t i = 0; i < ARRAY_SIZE(closing); i++) {
		const char *text = nginx_own_text(s->ingress, closing[i].name);
		bool off = text && nginx_bool(text, &off) && !off;

		if (text && !off)
			return closed(p, s,
				      arena_printf(p->a, "metadata.annotations[" NGINX_PREFIX "%s]",
						   closing[i].name),
				      closing[i].why);
	}
	if (p->server.closed)
		return closed(p, s, ANNOTATION("server-snippet"), p->server.closed);
	if (p->snippet.closed)
		return closed(p, s, ANNOTATION("configuration-snippet"), p->snippet.closed);
	(void)nginx_forward_custom(p, s, &custom);
	return custom ? closed(p, s, ANNOTATION("custom-headers"), custom) : NULL;
}

static const char *read_service(struct nginx_plan *p, const struct nginx_source *s,
				struct access *ret)
{
	const char *field, *why = nginx_authorization_read(p, s, ret, &field);

	return why ? closed(p, s, field, why) : NULL;
}

/* satisfy: with "any" the address lists are not enforced alone. */
static void join(struct nginx_plan *p, const struct nginx_source *s, struct access *access,
		 struct route_filters *ret)
{
	const char *satisfy = nginx_own_text(s->ingress, "satisfy");
	bool any = satisfy && strcmp(satisfy, "any") == 0;
	struct address_rules *reported;

	if (any && ret->passwords)
		nginx_warning(p, s->ingress, "AnnotationDiffers", ANNOTATION("satisfy"),
			      "Envoy checks passwords by itself (ingressNginx.passwords): any is "
			      "served as all");
	if (!access->service && !access->passwords)
		return;
	access->any = any && !ret->passwords;
	access->by_address = access->any && ret->addresses;
	if (access->by_address) {
		reported = arena_memdup(p->a, ret->addresses, sizeof(*reported));
		reported->reported = true;
		ret->addresses = reported;
	}
	ret->access = arena_memdup(p->a, access, sizeof(*access));
}

const char *nginx_access_read(struct nginx_plan *p, const struct nginx_source *s,
			      struct route_filters *ret)
{
	struct access access = { .scheme = nginx_scheme(p) };
	const char *why = unserved(p, s);

	if (!why)
		why = read_passwords(p, s, &access, ret);
	if (!why && !is_exempt(p, s))
		why = read_service(p, s, &access);
	read_addresses(p, s->ingress, ret);
	read_limits(p, s->ingress, ret);
	if (!why)
		join(p, s, &access, ret);
	return why;
}
