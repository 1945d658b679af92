/* How Portolan would treat the objects of Contour or ingress-nginx. Every object read is in exactly
 * one class. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "common/base/strbuf.h"
#include "portolan/world.h"

#define PORTOLAN_CONTROLLER "portolan.io/ingress-controller"

/* The controller of the objects. */
enum {
	MIGRATION_CONTOUR = 1,
	MIGRATION_NGINX = 2,
};

enum migration_class {
	MIGRATION_SAME,
	MIGRATION_DIFFERENT,
	MIGRATION_NOT_SERVED,
	MIGRATION_NEVER, /* it was not served there either */
	MIGRATION_CLASSES_,
};

struct migration {
	unsigned from;
	struct world_objects world;
	/* Of the source: names of classes, a list each; spec.controller of ingress-nginx's, and the
	 * class that Ingresses get which name none ("": there is no such class); the configuration
	 * as YAML, and the object that most of it came from. */
	struct json_object *contour_classes, *nginx_classes;
	char *nginx_controller, *default_class;
	/* What the source says of objects that Portolan would not serve as they are now:
	 * {"KIND NAMESPACE/NAME": {"class": …, "text": …}}; without a class it is a hint only. */
	struct json_object *remarks;
	/* Names of GatewayClasses that were Contour's; in the world they are Portolan's. */
	struct json_object *gateway_classes;
	struct strbuf configuration;
	char *configured_by;
	struct json_object *surface, *verdicts;
	/* [{"kind", "namespace", "name", "origin", "class", "reasons": [{"field", "text"}]}] */
	struct json_object *objects;
	bool without_secrets; /* the source has no Secret */
	/* Kinds that no routes depend on: [{"kind", "count"}] */
	struct json_object *passed;
	size_t counts[MIGRATION_CLASSES_], n_passed;
};
void migration_done(struct migration *m);

/* Adds one to an object's list of reasons. */
void migration_reason(struct json_object *reasons, const char *field, const char *text);
/* The text is taken. class: MIGRATION_CLASSES_ for a hint. */
void migration_remark(struct migration *m, const struct item *i, enum migration_class class,
		      char *text);
/* "Ingress default/web" */
char *migration_name(const struct item *i);

/* "same", "different", "not-served", "never-served" */
const char *migration_class_name(enum migration_class c);

/* ---- migration-source.c ---- */

/* Finds out, unless given (from is 0), which controller's objects these are, their classes, and
 * which objects configure that controller; adds a configuration to the world. config: a file to use
 * instead, or NULL. Negative after a sentence on stderr. */
int migration_source(struct migration *m, const char *config, const char *const *classes,
		     size_t n_classes);

/* Whose object it is: one of m->from, or all of them where it could be anybody's. */
unsigned migration_owner(const struct migration *m, const struct item *i);

/* ---- migration.c ---- */

/* Translates the world and puts its objects into classes. Negative after a sentence on stderr. */
int migration_judge(struct migration *m, const struct world_options *o);

/* ---- migration-mention.c ---- */

/* Objects that nothing served refers to, but something that is not served: they are not served
 * either, though they were there. */
void migration_mentioned(struct migration *m);

/* ---- migration-report.c ---- */

void migration_report_text(const struct migration *m, struct strbuf *out);
void migration_report_markdown(const struct migration *m, struct strbuf *out);
struct json_object *migration_report_json(const struct migration *m);

/* ---- migration-files.c ---- */

/* Writes the files to apply into a directory: apply.yaml, and portolan.yaml if a configuration is
 * needed. Negative after a sentence on stderr. */
int migration_write(const struct migration *m, const char *dir);
/* Only the rights to read a cluster, for one that could not be read. */
int migration_write_rights(const char *dir);
/* Another file there. */
int migration_write_file(const char *dir, const char *name, const struct strbuf *content);
