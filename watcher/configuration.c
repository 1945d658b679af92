/* The configuration file as an object. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/configuration/configuration-file.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "k8s/contour-configuration.pb-c.h"
#include "watcher/configuration.h"
#include "watcher/own-certificate.h"

struct configuration {
	struct source source;
	struct store *store;
	char *path;
	char *certificate;
	char *refused; /* why the present file is not in force; NULL if it is */
	uint64_t reloads, failures;
	int64_t loaded; /* real time */
};

static struct configuration *configuration_of(const struct source *s)
{
	return (struct configuration *)s;
}

/* ---- remarks on a file ---- */

/* The translator reports faults of the object, whatever its source; this reports faults outside
 * it. */
static void note(struct store *store, const char *path, const struct decode_problem *problems,
		 size_t n, bool refused)
{
	Portolan__Ipc__ObjectStatus status = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	Portolan__Ipc__Problem **list = xnew(Portolan__Ipc__Problem *, n + 1);
	Portolan__Ipc__Problem *all = xnew(Portolan__Ipc__Problem, n + 1);

	for (size_t i = 0; i < n; i++) {
		if (refused && !problems[i].error)
			continue;
		portolan__ipc__problem__init(&all[i]);
		all[i].has_severity = 1;
		all[i].severity = problems[i].error ? PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR
						    : PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING;
		all[i].reason = (char *)problems[i].reason;
		all[i].field = (char *)problems[i].field;
		all[i].message = xasprintf("%s%s, line %u: %s", refused ? "not in force: " : "",
					   path, problems[i].line, problems[i].message);
		list[status.n_problems++] = &all[i];
	}
	status.has_verdict = 1;
	status.verdict = refused ? PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL
				 : PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED;
	status.problems = list;
	store_note(store, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY,
		   strlen(CONFIGURATION_KEY), &status);
	for (size_t i = 0; i < n; i++)
		free(all[i].message);
	free(all);
	free(list);
}

static void note_unreadable(struct store *store, const char *path, int error)
{
	_cleanup_free_ char *message = xasprintf("cannot be read: %s", strerror(-error));
	struct decode_problem p = {
		.error = true, .reason = "Unreadable", .field = "", .message = message
	};

	note(store, path, &p, 1, true);
}

static void log_problems(const char *path, const struct decode_problem *problems, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

		decode_problem_print(&text, path, 0, &problems[i]);
		if (problems[i].error)
			log_error("%s", strbuf_str(&text));
		else
			log_warning("%s", strbuf_str(&text));
	}
}

/* ---- loading ---- */

/* Whether `is` says so of the settings that Contour does not have. */
static bool setting(const struct store *store, bool (*is)(const K8s__ConfigPortolan *c))
{
	const struct item *i = state_get(store_objects(store), OBJECT_CONTOUR_CONFIGURATION,
					 CONFIGURATION_KEY, strlen(CONFIGURATION_KEY));
	K8s__ContourConfiguration *c =
		i ? k8s__contour_configuration__unpack(NULL, i->value_len, item_value(i)) : NULL;
	const K8s__ConfigPortolan *p = c && c->spec ? c->spec->portolan : NULL;
	bool found = p && is(p);

	if (c)
		k8s__contour_configuration__free_unpacked(c, NULL);
	return found;
}

static bool is_enabled(const K8s__ConfigPortolan *c)
{
	return c->ingress_nginx && c->ingress_nginx->enabled;
}

static bool has_certificate(const K8s__ConfigPortolan *c)
{
	return c->ingress_nginx && *c->ingress_nginx->default_ssl_certificate != '\0';
}

static bool is_provisioning(const K8s__ConfigPortolan *c)
{
	return c->gateway && c->gateway->provisioning;
}

bool configuration_serves_nginx(const struct store *store)
{
	return setting(store, is_enabled);
}

bool configuration_names_certificate(const struct store *store)
{
	return setting(store, has_certificate);
}

bool configuration_provisions(const struct store *store)
{
	return setting(store, is_provisioning);
}

/* A refusal is noted in the store; *ret_why, if not NULL, is a line about it. */
static int load(struct store *store, const char *path, const char *certificate, char **ret_why)
{
	_cleanup_(configuration_file_freep) struct configuration_file *file = NULL;
	const struct decode_problem *problems;
	const uint8_t *object;
	size_t n, len;
	int r = configuration_file_load(path, &file);

	if (r < 0) {
		note_unreadable(store, path, r);
		if (ret_why)
			*ret_why = xasprintf("%s cannot be read: %s", path, strerror(-r));
		return log_error_errno(r, "cannot read the configuration %s: %m", path);
	}
	problems = configuration_file_problems(file, &n);
	log_problems(path, problems, n);
	object = configuration_file_object(file, &len);
	note(store, path, problems, n, !object);
	if (object) {
		store_pin(store,
			  item_new(OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY,
				   strlen(CONFIGURATION_KEY), path, strlen(path), object, len));
		/* Without the certificate such hosts are not served over HTTPS; that has been
		 * logged. */
		if (certificate && configuration_serves_nginx(store) &&
		    !configuration_names_certificate(store))
			(void)own_certificate_pin(store, certificate);
		return 0;
	}
	for (size_t i = 0; ret_why && !*ret_why && i < n; i++)
		if (problems[i].error) {
			_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

			decode_problem_print(&text, path, 0, &problems[i]);
			*ret_why = strbuf_take(&text);
		}
	return -EBADMSG;
}

int configuration_load(struct store *store, const char *path)
{
	return load(store, path, NULL, NULL);
}

/* ---- the source ---- */

static void configuration_free(struct source *s)
{
	struct configuration *c = configuration_of(s);

	free(c->path);
	free(c->certificate);
	free(c->refused);
	free(c);
}

static bool is_complete(const struct source *s _unused_)
{
	return true;
}

static void why(const struct source *s, struct strbuf *out)
{
	const struct configuration *c = configuration_of(s);

	if (c->refused)
		strbuf_printf(out, "degraded: the configuration stays as it was: %s\n", c->refused);
}

static void metrics(const struct source *s, struct strbuf *out)
{
	const struct configuration *c = configuration_of(s);

	metric_single(out, METRIC_CONFIG_REFUSED, c->refused != NULL);
	metric_family(out, METRIC_CONFIG_RELOADS);
	metric_sample(out, METRIC_CONFIG_RELOADS, c->reloads, "taken");
	metric_sample(out, METRIC_CONFIG_RELOADS, c->failures, "refused");
	metric_single(out, METRIC_CONFIG_LOADED, c->loaded / (int64_t)USEC_PER_SEC);
}

static void debug(const struct source *s, struct document *d)
{
	const struct configuration *c = configuration_of(s);

	document_put_string(d, "file", c->path);
	document_put_int(d, "loaded", c->loaded / (int64_t)USEC_PER_SEC);
	document_key(d, "refused");
	if (c->refused)
		document_string(d, c->refused);
	else
		document_null(d);
}

static int read_again(struct configuration *c)
{
	int r;

	free(TAKE_PTR(c->refused));
	r = load(c->store, c->path, c->certificate, &c->refused);
	if (r >= 0)
		c->loaded = clock_realtime();
	return r;
}

static void reload(struct source *s)
{
	struct configuration *c = configuration_of(s);

	if (read_again(c) < 0) {
		c->failures++;
		log_error("the configuration stays as it was: %s is refused", c->path);
	} else {
		c->reloads++;
		log_info("the configuration was read again from %s", c->path);
	}
	store_commit(c->store);
}

static const struct source_ops ops = {
	.name = "configuration",
	.free = configuration_free,
	.complete = is_complete,
	.why = why,
	.metrics = metrics,
	.debug = debug,
	.reload = reload,
};

int configuration_new(struct store *store, const char *path, const char *certificate,
		      struct source **ret)
{
	struct configuration *c = xnew(struct configuration, 1);
	int r;

	c->source.ops = &ops;
	c->store = store;
	c->path = xstrdup(path);
	c->certificate = xstrdup(certificate);
	r = read_again(c);
	if (r < 0) {
		configuration_free(&c->source);
		return r;
	}
	store_add_source(store, &c->source);
	*ret = &c->source;
	return 0;
}
