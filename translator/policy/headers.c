/* Header policies of HTTPProxy, and of the configuration. A user's value reaches Envoy as a format
 * string, so all but a list of variables is escaped. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/http-header.h"
#include "common/base/strbuf.h"
#include "translator/policy/headers.h"

/* In one list. Each is compared with each, and Envoy takes 1,000 in all. */
#define EDITS_MAX 256

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

/* Our own values; a "%" in one is escaped with the rest. */
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

static int set_host(struct arena *a, const char *value, struct header_edits *ret,
		    const char **ret_why)
{
	size_t n = strlen(value);

	if (n > 7 && strncmp(value, "%REQ(", 5) == 0 && strcmp(value + n - 2, ")%") == 0) {
		ret->host_header = header_canonical(a, arena_strndup(a, value + 5, n - 7));
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

static const char *not_a_header(struct arena *a, const char *name)
{
	return arena_printf(a,
			    "\"%.64s\" is not a header's name, its value has a line break, or one "
			    "of them has more than %d bytes",
			    name, HTTP_HEADER_BYTES_MAX);
}

static int parse_set(struct arena *a, const K8s__ProxyHeaders *p, bool response,
		     const struct header_context *c, struct header_edits *ret, const char **ret_why)
{
	ret->all = arena_new_of(a, struct header_edit, p->n_set + 1);
	for (size_t i = 0; i < p->n_set; i++) {
		char *name = header_canonical(a, p->set[i]->name);

		if (!name || !header_is_value(p->set[i]->value)) {
			*ret_why = not_a_header(a, p->set[i]->name);
			return -EINVAL;
		}
		if (http_header_is_framing(name)) {
			*ret_why = arena_printf(
				a, "%s says where a message ends: only Envoy writes it", name);
			return -EINVAL;
		}
		if (header_edits_find(ret, name)) {
			*ret_why = arena_printf(a, "header %s is set twice", name);
			return -EINVAL;
		}
		if (strcmp(name, "Host") == 0) {
			if (response || ret->host || ret->host_header) {
				*ret_why = response ? "a response has no Host"
						    : "Host is set twice";
				return -EINVAL;
			}
			if (set_host(a, p->set[i]->value, ret, ret_why) < 0)
				return -EINVAL;
			continue;
		}
		ret->all[ret->n++] =
			(struct header_edit){ HEADER_SET, name, escape(a, c, p->set[i]->value) };
	}
	return 0;
}

static int parse_remove(struct arena *a, const K8s__ProxyHeaders *p, struct header_edits *ret,
			const char **ret_why)
{
	ret->remove = arena_new_of(a, const char *, p->n_remove + 1);
	for (size_t i = 0; i < p->n_remove; i++) {
		char *name = header_canonical(a, p->remove[i]);

		if (!name || strcmp(name, "Host") == 0) {
			*ret_why = arena_printf(a, "\"%.64s\" is not a header that can be removed",
						p->remove[i]);
			return -EINVAL;
		}
		ret->remove[ret->n_remove++] = name;
	}
	header_edits_sort(ret);
	for (size_t i = 1; i < ret->n_remove; i++)
		if (strcmp(ret->remove[i - 1], ret->remove[i]) == 0) {
			*ret_why = arena_printf(a, "header %s is removed twice", ret->remove[i]);
			return -EINVAL;
		}
	return 0;
}

int header_policy_parse(struct arena *a, const struct header_context *c,
			const K8s__ProxyHeaders *policy, bool response, struct header_edits *ret,
			const char **ret_why)
{
	struct header_edits p = { 0 };

	if (policy && (policy->n_set > EDITS_MAX || policy->n_remove > EDITS_MAX)) {
		*ret_why = arena_printf(
			a, "%zu headers are set and %zu removed; at most %d of each are allowed",
			policy->n_set, policy->n_remove, EDITS_MAX);
		return -EINVAL;
	}
	if (policy && (parse_set(a, policy, response, c, &p, ret_why) < 0 ||
		       parse_remove(a, policy, &p, ret_why) < 0))
		return -EINVAL;
	*ret = p;
	return 0;
}

/* ---- for all Services ---- */

/* The configuration's check has removed headers that could not be set. */
void header_policy_default(struct arena *a, const struct header_context *c,
			   const K8s__ConfigHeaders *all, struct header_edits *ret)
{
	struct header_edit *edits = arena_new_of(a, struct header_edit, ret->n + all->n_set + 1);
	const char **remove = arena_new_of(a, const char *, ret->n_remove + all->n_remove + 1);
	const char *name;

	if (ret->n)
		memcpy(edits, ret->all, ret->n * sizeof(*edits));
	if (ret->n_remove)
		memcpy(remove, ret->remove, ret->n_remove * sizeof(*remove));
	ret->all = edits;
	ret->remove = remove;
	for (size_t i = 0; i < all->n_set; i++) {
		name = header_canonical(a, all->set[i]->key);
		if (strcmp(name, "Host") == 0)
			ret->host = ret->host || ret->host_header ? ret->host : all->set[i]->value;
		else if (!header_edits_find(ret, name))
			edits[ret->n++] = (struct header_edit){ HEADER_SET, name,
								escape(a, c, all->set[i]->value) };
	}
	for (size_t i = 0; i < all->n_remove; i++) {
		name = header_canonical(a, all->remove[i]);
		if (!header_edits_remove(ret, name))
			remove[ret->n_remove++] = name;
	}
	header_edits_sort(ret);
}
