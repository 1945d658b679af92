/* Classifies objects by the translator's verdicts: its tables of annotations and its checks decide.
 * This file only knows what a reason means for users who come from another controller. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "k8s/projectcontour.pb-c.h"
#include "portolan/migration.h"
#include "portolan/verdicts.h"

#define NOTE_PASSED "passed-over"

void migration_done(struct migration *m)
{
	world_objects_done(&m->world);
	json_object_put(m->contour_classes);
	json_object_put(m->nginx_classes);
	json_object_put(m->gateway_classes);
	json_object_put(m->remarks);
	json_object_put(m->surface);
	json_object_put(m->verdicts);
	json_object_put(m->objects);
	json_object_put(m->passed);
	strbuf_done(&m->configuration);
	free(m->configured_by);
	free(m->nginx_controller);
	free(m->default_class);
}

char *migration_name(const struct item *i)
{
	const char *key = item_key(i);

	return xasprintf("%s %s", object_kind(i->kind)->kind, *key == '/' ? key + 1 : key);
}

void migration_remark(struct migration *m, const struct item *i, enum migration_class class,
		      char *text)
{
	_cleanup_free_ char *name = migration_name(i);
	struct json_object *o = json_object_new_object();

	if (class < MIGRATION_CLASSES_)
		(void)json_object_object_add(o, "class", json_object_new_int((int)class));
	(void)json_object_object_add(o, "text", json_object_new_string(text));
	(void)json_object_object_add(m->remarks, name, o);
	free(text);
}

const char *migration_class_name(enum migration_class c)
{
	static const char *const names[] = { "same", "different", "not-served", "never-served" };

	return names[c];
}

/* ---- the meaning of reasons ---- */

/* Reasons of problems with another meaning than "a difference". served: for a served object;
 * unserved: for one that is not served, or in part not. */
static const struct meaning {
	const char *reason; /* or the part before its slash */
	unsigned from;
	enum migration_class served, unserved;
	const char *note; /* NULL: the problem's own words say it */
} meanings[] = {
	{ "AnnotationUnknown", MIGRATION_CONTOUR | MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "it had no effect there either" },
	{ "AnnotationIgnored", MIGRATION_CONTOUR | MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "its value was left out there as well" },
	{ "AnnotationWithoutEffect", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "it has no effect there either" },
	{ "PathIsText", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME, NULL },
	{ "PathNeverMatches", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME, NULL },
	{ "CanaryWithoutMain", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "it is not served there either" },
	{ "CanaryConflict", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "the older canary is served there as well" },
	{ "AnnotationOverruled", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "the other Ingress counts there as well" },
	{ "AnnotationInvalid", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_NEVER,
	  "ingress-nginx refuses the value as well" },
	{ "NoEndpoints", MIGRATION_CONTOUR | MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "ServiceMissing", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "ingress-nginx answers 503 as well" },
	{ "ServicePortMissing", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "ingress-nginx answers 503 as well" },
	{ "PathConflict", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "the older Ingress has the path there as well" },
	{ "PortNotServed", MIGRATION_NGINX, MIGRATION_NOT_SERVED, MIGRATION_NOT_SERVED, NULL },
	{ "NothingDefined", MIGRATION_CONTOUR | MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_NEVER,
	  "nothing was served of it there either" },
	{ "OtherClass", MIGRATION_CONTOUR | MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_NEVER,
	  NULL },
	{ "Orphaned", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_NEVER,
	  "Contour calls it orphaned as well" },
	{ "CertificateExpiry", MIGRATION_CONTOUR | MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME,
	  "clients see the same certificate there" },
	{ "DefaultCertificate", MIGRATION_NGINX, MIGRATION_SAME, MIGRATION_SAME, "so it is there" },
	{ "ServiceError/NoEndpoints", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "TCPProxyError/NoEndpoints", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "ServiceError/NotVerified", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "ServiceError/OnlyMirrors", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "JWTVerificationWarning/RemoteJWKSNotVerified", MIGRATION_CONTOUR, MIGRATION_SAME,
	  MIGRATION_SAME, "the same there" },
	{ "JWTVerificationWarning/NotRequired", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "CORSWarning/NeverMatches", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "RouteError/PathNeverMatches", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "RouteError/HeaderNeverMatches", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "RouteError/QueryNeverMatches", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "RouteError/RedirectLoop", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "TLSWarning/ServedWithoutCertificate", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "TLSWarning/NothingToPassTo", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "the same there" },
	{ "CertificateName", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "clients see the same certificate there" },
	{ "TLSWarning/CertificateName", MIGRATION_CONTOUR, MIGRATION_SAME, MIGRATION_SAME,
	  "clients see the same certificate there" },
};

static bool is_reason(const char *reason, const char *meant)
{
	size_t n = strlen(meant);

	return strncmp(reason, meant, n) == 0 && (!reason[n] || reason[n] == '/');
}

static const struct meaning *meaning_of(unsigned owner, struct json_object *problem)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if ((meanings[i].from & owner) == owner &&
		    is_reason(json_text(problem, "reason"), meanings[i].reason))
			return &meanings[i];
	return NULL;
}

/* ---- the old controller's verdict ---- */

/* HTTPProxies carry Contour's verdict. NULL: it was served, or that is not known. */
static char *old_refusal(const struct item *i)
{
	K8s__HTTPProxy *p = i->kind == OBJECT_HTTP_PROXY
				    ? k8s__httpproxy__unpack(NULL, i->value_len, item_value(i))
				    : NULL;
	const char *status = p && p->status ? p->status->current_status : "";
	char *text = NULL;

	if (strcmp(status, "invalid") == 0 || strcmp(status, "orphaned") == 0)
		text = xasprintf("Contour says of it: %s, %s", status, p->status->description);
	if (p)
		k8s__httpproxy__free_unpacked(p, NULL);
	return text;
}

/* ---- one object ---- */

struct judging {
	struct migration *m;
	const struct item *item;
	unsigned owner;              /* whose object it is */
	struct json_object *verdict; /* NULL: it has no verdict */
	struct json_object *reasons;
	size_t n_known; /* reasons with a known meaning */
	enum migration_class class;
};

void migration_reason(struct json_object *reasons, const char *field, const char *text)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "field", json_object_new_string(field));
	(void)json_object_object_add(o, "text", json_object_new_string(text));
	(void)json_object_array_add(reasons, o);
}

/* text is taken. */
static void add_reason(struct judging *j, const char *field, char *text)
{
	migration_reason(j->reasons, field, text);
	free(text);
}

/* Not served outweighs different, and different outweighs the same. "Never" (it was not served
 * before either) counts only if nothing else is wrong. */
static void weigh(struct judging *j, enum migration_class c)
{
	static const unsigned weights[] = { [MIGRATION_SAME] = 0,
					    [MIGRATION_NEVER] = 1,
					    [MIGRATION_DIFFERENT] = 2,
					    [MIGRATION_NOT_SERVED] = 3 };

	if (weights[c] > weights[j->class])
		j->class = c;
}

static bool is_severity(struct json_object *p, const char *word)
{
	return strcmp(json_text(p, "severity"), word) == 0;
}

static bool is_verdict(const struct judging *j, const char *word)
{
	return strcmp(json_text(j->verdict, "verdict"), word) == 0;
}

/* Information is a difference only if it is about an annotation that is served otherwise. For a
 * rejected object the errors count; its warnings are hypothetical. */
static enum migration_class class_of(const struct judging *j, struct json_object *p,
				     const struct meaning *known)
{
	bool rejected = is_verdict(j, "rejected");

	if (known)
		return rejected || is_verdict(j, "ignored") ? known->unserved : known->served;
	if (is_severity(p, "error") && verdict_is_bad(j->verdict))
		return MIGRATION_NOT_SERVED;
	if (rejected)
		return MIGRATION_SAME;
	if (is_severity(p, "info") && strcmp(json_text(p, "reason"), "AnnotationDiffers") != 0)
		return MIGRATION_SAME;
	return MIGRATION_DIFFERENT;
}

static void judge_problems(struct judging *j)
{
	struct json_object *list = json_member(j->verdict, "problems");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);
		const struct meaning *known = meaning_of(j->owner, p);

		j->n_known += known != NULL;
		weigh(j, class_of(j, p, known));
		add_reason(j, json_text(p, "field"),
			   xasprintf("%s%s%s", json_text(p, "message"),
				     known && known->note ? "; " : "",
				     known && known->note ? known->note : ""));
	}
}

/* Adds the verdict to the outcome of the problems. */
static void judge_verdict(struct judging *j)
{
	if (!j->verdict || (is_verdict(j, "ignored") && !json_length(j->reasons))) {
		j->class = MIGRATION_NEVER;
		add_reason(j, "", xstrdup("nothing that is served refers to it"));
	} else if (is_verdict(j, "ignored") && j->class == MIGRATION_SAME) {
		j->class = MIGRATION_NEVER;
	} else if (is_verdict(j, "rejected") && j->class == MIGRATION_SAME && !j->n_known) {
		j->class = MIGRATION_NOT_SERVED;
	} else if (is_verdict(j, "partial") && j->class == MIGRATION_NOT_SERVED) {
		add_reason(j, "", xstrdup("the rest of it is served"));
	}
}

static void judge_old(struct judging *j)
{
	char *refusal = old_refusal(j->item);

	if (!refusal)
		return;
	if (verdict_is_bad(j->verdict) || j->class == MIGRATION_NEVER) {
		j->class = MIGRATION_NEVER;
		add_reason(j, "", refusal);
	} else {
		weigh(j, MIGRATION_DIFFERENT);
		add_reason(j, "", xasprintf("it is served here; %s", refusal));
		free(refusal);
	}
}

/* A GatewayClass names its controller, and cannot be changed. */
static void judge_gateway_class(struct judging *j)
{
	if (j->item->kind != OBJECT_GATEWAY_CLASS ||
	    !json_member(j->m->gateway_classes, item_key(j->item) + 1))
		return;
	j->class = MIGRATION_DIFFERENT;
	add_reason(j, "spec.controllerName",
		   xstrdup("it names Contour's controller, and cannot be changed: delete the "
			   "GatewayClass and make it anew with controllerName: " GATEWAY_CONTROLLER
			   " (apply.yaml of --write has it)"));
}

/* What the source says outweighs the verdict. */
static void judge_remark(struct judging *j, const char *name)
{
	struct json_object *remark = json_member(j->m->remarks, name);

	if (!remark)
		return;
	if (json_member(remark, "class"))
		j->class = (enum migration_class)json_number(remark, "class");
	add_reason(j, "", xstrdup(json_text(remark, "text")));
}

static void judge_item(struct migration *m, const struct item *i)
{
	const struct object_kind_row *row = object_kind(i->kind);
	const char *key = item_key(i), *slash = strchr(key, '/');
	_cleanup_free_ char *name = migration_name(i);
	_cleanup_free_ char *namespace = xstrndup(key, slash ? (size_t)(slash - key) : 0);
	struct judging j = { .m = m,
			     .item = i,
			     .owner = migration_owner(m, i),
			     .reasons = json_object_new_array() };
	struct json_object *o = json_object_new_object();

	j.verdict = json_member(m->verdicts, name);
	judge_problems(&j);
	judge_verdict(&j);
	judge_old(&j);
	judge_gateway_class(&j);
	judge_remark(&j, name);
	(void)json_object_object_add(o, "kind", json_object_new_string(row->kind));
	(void)json_object_object_add(o, "namespace", json_object_new_string(namespace));
	(void)json_object_object_add(o, "name", json_object_new_string(slash ? slash + 1 : key));
	(void)json_object_object_add(o, "origin", json_object_new_string(item_meta(i)));
	(void)json_object_object_add(o, "class",
				     json_object_new_string(migration_class_name(j.class)));
	(void)json_object_object_add(o, "reasons", j.reasons);
	(void)json_object_array_add(m->objects, o);
	m->counts[j.class]++;
}

/* ---- unreadable objects, and objects of other controllers ---- */

static void judge_document(struct migration *m, struct json_object *v)
{
	struct judging j = {
		.m = m, .owner = m->from, .verdict = v, .reasons = json_object_new_array()
	};
	struct json_object *o = json_object_new_object();

	judge_problems(&j);
	(void)json_object_object_add(o, "kind", json_object_new_string(json_text(v, "kind")));
	(void)json_object_object_add(o, "namespace",
				     json_object_new_string(json_text(v, "namespace")));
	(void)json_object_object_add(o, "name", json_object_new_string(json_text(v, "name")));
	(void)json_object_object_add(o, "origin", json_object_new_string(json_text(v, "origin")));
	(void)json_object_object_add(
		o, "class", json_object_new_string(migration_class_name(MIGRATION_NOT_SERVED)));
	(void)json_object_object_add(o, "reasons", j.reasons);
	(void)json_object_array_add(m->objects, o);
	m->counts[MIGRATION_NOT_SERVED]++;
}

static void take_passed(struct migration *m, struct json_object *v)
{
	struct json_object *list = json_member(v, "problems");

	for (size_t i = 0; i < json_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);
		struct json_object *o = json_object_new_object();
		size_t n = strtoul(json_text(p, "message"), NULL, 10);

		(void)json_object_object_add(o, "kind",
					     json_object_new_string(json_text(p, "field")));
		(void)json_object_object_add(o, "count", json_object_new_uint64(n));
		(void)json_object_array_add(m->passed, o);
		m->n_passed += n;
	}
	m->counts[MIGRATION_NEVER] += m->n_passed;
}

/* Statuses without a readable object: a document that cannot be read, or an object without any
 * readable version. */
static void judge_unread(struct migration *m)
{
	json_object_object_foreach (m->verdicts, subject, v) {
		enum object_kind kind = object_kind_named(json_text(v, "kind"));
		_cleanup_free_ char *key =
			xasprintf("%s/%s", json_text(v, "namespace"), json_text(v, "name"));

		(void)subject;
		if (strcmp(json_text(v, "kind"), "Document") == 0) {
			if (strcmp(json_text(v, "name"), NOTE_PASSED) == 0)
				take_passed(m, v);
			else
				judge_document(m, v);
		} else if (!state_get(m->world.objects, kind, key, strlen(key))) {
			judge_document(m, v);
		}
	}
}

/* The configuration and the default certificate, which were added to the source's objects. */
static bool is_ours(const struct item *i)
{
	if (i->kind == OBJECT_SECRET)
		return strcmp(item_key(i), OWN_CERTIFICATE_KEY) == 0;
	return i->kind == OBJECT_CONTOUR_CONFIGURATION && !i->meta_len &&
	       strcmp(item_key(i), CONFIGURATION_KEY) == 0;
}

int migration_judge(struct migration *m, const struct world_options *o)
{
	_cleanup_(state_freep) struct state *statuses = NULL;
	struct item **all;
	size_t n;
	int r;

	m->without_secrets = !state_count_kind(m->world.objects, OBJECT_SECRET);
	world_add_certificate("migrate", o, &m->world, NULL);
	r = world_translate("migrate", o, m->world.objects, "surface=1", &statuses, &m->surface);
	if (r < 0)
		return r;
	if (json_member(m->surface, "error")) {
		(void)fprintf(stderr, "portolan migrate: %s\n", json_text(m->surface, "error"));
		return -EIO;
	}
	m->verdicts = verdicts_read(statuses, m->world.notes, m->world.objects);
	m->objects = json_object_new_array();
	m->passed = json_object_new_array();
	all = state_sorted(m->world.objects, &n);
	for (size_t i = 0; i < n; i++)
		if (object_kind(all[i]->kind) && !is_ours(all[i]))
			judge_item(m, all[i]);
	free(all);
	migration_mentioned(m);
	judge_unread(m);
	return 0;
}
