/* Annotations for another controller, or on the wrong kind. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/spelling.h"
#include "common/base/strbuf.h"
#include "common/decode/object-kind.h"
#include "translator/model/match.h"
#include "translator/resolve/annotation.h"
#include "translator/resolve/object.h"

#define PREFIX_SLIPS 2 /* letters that may differ */
#define OURS         "projectcontour.io/"
#define OWN          "portolan.io/"
#define OLD          "contour.heptio.com/"
#define NAMED_MAX    8

#define ON(kind) (1u << OBJECT_##kind)

static const struct known {
	const char *name;
	unsigned kinds; /* where it counts */
} known[] = {
	{ OURS "ingress.class", ON(INGRESS) | ON(HTTP_PROXY) },
	{ OURS "num-retries", ON(INGRESS) },
	{ OURS "per-try-timeout", ON(INGRESS) },
	{ OURS "response-timeout", ON(INGRESS) },
	{ OURS "request-timeout", ON(INGRESS) },
	{ OURS "retry-on", ON(INGRESS) },
	{ OURS "tls-minimum-protocol-version", ON(INGRESS) },
	{ OURS "tls-maximum-protocol-version", ON(INGRESS) },
	{ OURS "tls-cert-namespace", ON(INGRESS) },
	{ OURS "websocket-routes", ON(INGRESS) },
	{ OURS "max-connections", ON(SERVICE) },
	{ OURS "max-pending-requests", ON(SERVICE) },
	{ OURS "max-requests", ON(SERVICE) },
	{ OURS "max-retries", ON(SERVICE) },
	{ OURS "per-host-max-connections", ON(SERVICE) },
	{ OURS "upstream-protocol.h2", ON(SERVICE) },
	{ OURS "upstream-protocol.h2c", ON(SERVICE) },
	{ OURS "upstream-protocol.tls", ON(SERVICE) },
	{ OWN "outlier-consecutive-5xx", ON(SERVICE) },
	{ OWN "outlier-interval", ON(SERVICE) },
	{ OWN "outlier-ejection-time", ON(SERVICE) },
	{ OWN "outlier-max-ejection-percent", ON(SERVICE) },
	{ "kubernetes.io/ingress.class", ON(INGRESS) | ON(HTTP_PROXY) },
	{ "kubernetes.io/ingress.allow-http", ON(INGRESS) },
	{ "ingress.kubernetes.io/force-ssl-redirect", ON(INGRESS) },
};

/* Annotations of other controllers for Ingresses. */
static const char *const others[] = {
	"nginx.ingress.kubernetes.io/",
	"nginx.org/",
	"nginx.com/",
	"haproxy.org/",
	"haproxy-ingress.github.io/",
	"haproxy.com/",
	"ingress.kubernetes.io/",
	"traefik.ingress.kubernetes.io/",
	"konghq.com/",
	"alb.ingress.kubernetes.io/",
	"appgw.ingress.kubernetes.io/",
	"networking.gke.io/",
	"ingress.cloud.ibm.com/",
	"higress.io/",
	"getambassador.io/",
	"apisix.ingress.kubernetes.io/",
};

/* Parts of names of annotations that restrict access. */
static const char *const restricting[] = {
	"auth",       "whitelist",     "allowlist",    "denylist",  "blacklist",    "white-list",
	"black-list", "allow-list",    "deny",         "limit",     "modsecurity",  "waf",
	"middleware", "plugins",       "source-range", "satisfy",   "client-ca",    "acl",
	"mtls",       "inbound-cidrs", "security",     "force-ssl", "ssl-redirect", "hsts",
	"jwt",        "oidc",          "policies",
};

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static const struct known *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

static const struct known *nearest(const char *name)
{
	const struct known *found = NULL;
	size_t len = strlen(name);
	unsigned best = 4; /* letters that may differ, and one */

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		unsigned d = spelling_distance(name, len, known[i].name, strlen(known[i].name),
					       best - 1);

		if (d < best) {
			best = d;
			found = &known[i];
		}
	}
	return found;
}

struct check {
	struct reader *r;
	enum object_kind kind;
	const char *key;
};

static void warn(const struct check *c, const char *name, const char *why)
{
	object_warning(c->r, c->kind, c->key, "AnnotationIgnored",
		       arena_printf(reader_arena(c->r), "metadata.annotations[%s]", name), "%s",
		       why);
}

static const char *kinds_of(struct arena *a, const struct known *row)
{
	const char *text = NULL;

	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++)
		if (k < 32 && row->kinds >> k & 1)
			text = text ? arena_printf(a, "%s and %s", text, object_kind(k)->kind)
				    : object_kind(k)->kind;
	return text;
}

static bool check_known(const struct check *c, const char *name)
{
	const struct known *row = find(name);

	if (row && !(row->kinds >> c->kind & 1))
		warn(c, name,
		     arena_printf(reader_arena(c->r), "it has no effect on %s: it counts on %s",
				  object_kind(c->kind)->kind, kinds_of(reader_arena(c->r), row)));
	return row;
}

static void check_ours(const struct check *c, const char *name)
{
	struct arena *a = reader_arena(c->r);
	const struct known *near;

	if (begins(name, OLD)) {
		near = find(arena_printf(a, OURS "%s", name + strlen(OLD)));
		warn(c, name,
		     near ? arena_printf(a, "it is the old name: use %s", near->name)
			  : "it is of the old prefix and unknown; that of today is " OURS);
		return;
	}
	near = nearest(match_lower(a, name));
	warn(c, name,
	     near ? arena_printf(a, "it is unknown: did you mean %s?", near->name)
		  : "it is unknown");
}

/* One of ours with a slip in its prefix, or in its case. */
static bool is_near_ours(const char *name)
{
	static const char *const prefixes[] = { OURS, OWN, "ingress.kubernetes.io/",
						"kubernetes.io/" };
	const char *slash = strchr(name, '/');

	for (size_t i = 0; slash && i < ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i]);

		if (!begins(name, prefixes[i]) &&
		    (strncasecmp(name, prefixes[i], len) == 0 ||
		     spelling_distance(name, (size_t)(slash + 1 - name), prefixes[i], len,
				       PREFIX_SLIPS) <= PREFIX_SLIPS))
			return true;
	}
	return false;
}

static bool is_foreign(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (begins(name, others[i]))
			return true;
	return false;
}

static bool restricts(const char *name)
{
	const char *word = strchr(name, '/');

	for (size_t i = 0; i < ARRAY_SIZE(restricting); i++)
		if (strstr(word, restricting[i]))
			return true;
	return false;
}

static bool is_served(const char *const *prefixes, const char *name)
{
	for (; prefixes && *prefixes; prefixes++)
		if (begins(name, *prefixes))
			return true;
	return false;
}

/* One warning for all annotations of another controller: the author may keep them to switch between
 * controllers. */
static void check_foreign(const struct check *c, const K8s__ObjectMeta *meta,
			  const char *const *served, bool restrict_)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < meta->n_annotations; i++) {
		const char *name = meta->annotations[i]->key;

		if (find(name) || !is_foreign(name) || restricts(name) != restrict_ ||
		    is_served(served, name))
			continue;
		if (n++ < NAMED_MAX)
			strbuf_printf(&names, "%s%.128s", n > 1 ? ", " : "", name);
	}
	if (n > NAMED_MAX)
		strbuf_printf(&names, " and %zu more", n - NAMED_MAX);
	if (n)
		object_warning(c->r, c->kind, c->key,
			       restrict_ ? "RestrictionIgnored" : "AnnotationIgnored",
			       "metadata.annotations",
			       restrict_ ? "of another controller, and without effect: what they "
					   "would close is open: %s"
					 : "of another controller, and without effect: %s",
			       strbuf_str(&names));
}

void annotation_check(struct reader *r, enum object_kind kind, const char *key,
		      const K8s__ObjectMeta *meta)
{
	const struct check c = { r, kind, key };

	for (size_t i = 0; meta && i < meta->n_annotations; i++) {
		const char *name = meta->annotations[i]->key;

		if (check_known(&c, name))
			continue;
		if (begins(name, OURS) || begins(name, OWN "outlier-") || begins(name, OLD) ||
		    begins(name, "kubernetes.io/ingress.") || is_near_ours(name))
			check_ours(&c, name);
	}
}

void annotation_check_foreign(struct reader *r, enum object_kind kind, const char *key,
			      const K8s__ObjectMeta *meta, const char *const *served)
{
	const struct check c = { r, kind, key };

	if (!meta)
		return;
	check_foreign(&c, meta, served, true);
	check_foreign(&c, meta, served, false);
}

bool annotation_read_bool(struct reader *r, enum object_kind kind, const char *key,
			  const K8s__ObjectMeta *meta, const char *name, bool fallback)
{
	const char *text = object_annotation(meta, name);
	const struct check c = { r, kind, key };

	if (!text)
		return fallback;
	if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
		return tolower((unsigned char)*text) == 't';
	warn(&c, name,
	     arena_printf(reader_arena(r), "\"%.64s\" is neither true nor false: %s counts", text,
			  fallback ? "true" : "false"));
	return fallback;
}
