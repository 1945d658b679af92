/* The inside of the quarantine: a subject is a resource of which something is not confirmed, a hold one
 * item of it (its head or a part). */
#pragma once

#include <stdbool.h>

#include "common/hashmap.h"
#include "translator/cell.h"
#include "translator/quarantine.h"

enum hold_state {
	HOLD_PENDING, /* published, not accepted by all */
	HOLD_PARKED,  /* not published for the moment: the others are tried without it */
	HOLD_HELD,    /* refused: the good one is published */
};

struct hold {
	enum hold_state state;
	uint32_t level; /* when parked: of the split that did it */
	uint32_t at; /* in the subject's vector */
	char *key;   /* of the item */
	size_t key_len;
	uint32_t kind;
	struct item *wanted; /* NULL: recalled, and not yet wanted */
	struct item *good;   /* last accepted; NULL: there was none */
	uint64_t source;     /* of the world that it was published with; 0: not yet committed */
	char *message;	     /* when held: what Envoy said */
	char *version;	     /* when held: meta of what was refused */
	size_t version_len;
	struct vec notes; /* struct note: in objects' statuses */
};

struct subject {
	char *key; /* kind as a byte, and the resource's name */
	size_t key_len;
	char *report_key; /* of REPORT_REJECT and REPORT_ACCEPT */
	size_t report_key_len;
	bool has_parts;
	bool adjusted; /* its version is not the graph's, as something is not published */
	bool dirty;
	bool settling; /* is being looked at: not to be released under who looks */
	uint32_t level; /* how many splits are open */
	struct hashmap by_key; /* struct hold */
	struct vec holds;
};

struct quarantine {
	struct graph *graph;
	struct state *resources;
	struct state *reports;
	struct hashmap subjects;
	struct hashmap injected; /* struct item of OUTPUT_HOST_ROUTES, as the graph has them as facts */
	struct vec dirty;
	struct quarantine_counters counters;
};

const void *subject_key(const void *entry, size_t *ret_len);
/* Of an item's kind and key. */
struct subject *subject_find(struct quarantine *q, uint32_t kind, const char *key, size_t key_len);
struct subject *subject_make(struct quarantine *q, uint32_t kind, const char *key, size_t key_len);
void subject_free(struct subject *s);
void subject_dirty(struct quarantine *q, struct subject *s);
/* Frees it if nothing of it is left to confirm. */
void subject_release(struct quarantine *q, struct subject *s);
struct item *subject_published(const struct quarantine *q, const struct subject *s);
struct hold *subject_hold(const struct subject *s, uint32_t kind, const char *key, size_t key_len);
/* Its published version was refused: one culprit is held back, of several suspects half are parked. */
void subject_rejected(struct quarantine *q, struct subject *s, const char *message);
/* What was published with this source or before is accepted; with UINT64_MAX all of it is, as it
 * stands, and what was parked is tried next. */
void subject_accepted(struct quarantine *q, struct subject *s, uint64_t source);
/* Its version is made to fit what is published of it. */
void subject_settle(struct quarantine *q, struct subject *s, uint64_t source);

const void *hold_item_key(const void *entry, size_t *ret_len);
/* What is served at the place; borrowed. */
struct item *hold_published(const struct quarantine *q, uint32_t kind, const char *key, size_t key_len);
void hold_publish_item(struct quarantine *q, uint32_t kind, const char *key, size_t key_len,
		       struct item *item);
struct hold *hold_make(struct quarantine *q, struct subject *s, uint32_t kind, const char *key,
		       size_t key_len, struct item *good);
/* Publishes what is wanted, unless that is what was refused. */
void hold_want(struct quarantine *q, struct hold *h, struct item *wanted);
/* Forgets it and publishes this. */
void hold_drop(struct quarantine *q, struct subject *s, struct hold *h, struct item *publish);
void hold_set(struct quarantine *q, struct hold *h, enum hold_state state);
void hold_refuse(struct quarantine *q, struct hold *h, const char *message);
void hold_free(struct hold *h);
/* From a REPORT_QUARANTINE item. */
void hold_recall(struct quarantine *q, const struct item *report);
/* Says in the status of the objects behind it why it is not served. */
void hold_explain(struct quarantine *q, const struct subject *s, struct hold *h);
