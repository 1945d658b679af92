/* The inside of the quarantine: a subject is a resource with unconfirmed changes, a hold is one
 * such change (of its head or a part). */
#pragma once

#include <stdbool.h>

#include "common/base/hashmap.h"
#include "proto/ipc.pb-c.h"
#include "translator/graph/cell.h"
#include "translator/guard/quarantine.h"

enum hold_state {
	HOLD_PENDING, /* published, not accepted by all */
	HOLD_PARKED,  /* not published for the moment: the others are tried without it */
	HOLD_HELD,    /* refused: the good one is published */
};

struct hold {
	enum hold_state state;
	uint32_t level; /* when parked: of the split that did it */
	uint32_t at;    /* in the subject's vector */
	char *key;      /* of the item */
	size_t key_len;
	uint32_t kind;
	struct item *wanted; /* NULL: recalled, and not yet wanted */
	struct item *good;   /* last accepted; NULL: never */
	uint64_t source;     /* of the world that it was published with; 0: not yet committed */
	char *message;       /* when held: Envoy's message */
	char **nodes;        /* when held: which Envoys, by node id */
	size_t n_nodes;
	char *version; /* when held: meta of the refused version */
	size_t version_len;
	struct vec notes; /* struct note: in objects' statuses */
	uint64_t asked;   /* when held: the newest Envoy that can have been asked */
	int64_t retry;    /* monotonic: it may be tried again from then on */
	unsigned tries;   /* of the wanted item */
	bool again;   /* it was held and is tried again; statuses still say that it is refused */
	bool unasked; /* when held: an Envoy that was there had not asked for the resource */
};

/* A refused item that is served all the same: other Envoys accepted it, or it is new and there is
 * no earlier version (a later Envoy may accept it). The statuses of its objects name the Envoys
 * that refuse. */
struct dispute {
	size_t key_len; /* of the report */
	char *key;
	char *text;
	struct item *report; /* the last one that said so */
	int64_t unsaid;      /* monotonic, since when no report says so; 0: one does */
	struct vec notes;
	struct vec changes; /* struct disputed: of a resource with parts, those that the Envoys
			       lack */
	bool seen;          /* while the reports are looked through */
};

struct subject {
	char *key; /* kind as a byte, and the resource's name */
	size_t key_len;
	char *report_key; /* of REPORT_REJECT and REPORT_ACCEPT */
	size_t report_key_len;
	bool has_parts;
	bool adjusted; /* its version is not the graph's, as some part is not published */
	bool dirty;
	bool settling;         /* in use by a loop: do not free it */
	uint32_t level;        /* how many splits are open */
	struct hashmap by_key; /* struct hold */
	struct vec holds;
};

struct quarantine {
	struct graph *graph;
	struct state *resources;
	struct state *reports;
	struct hashmap subjects;
	struct hashmap
		injected; /* struct item of OUTPUT_HOST_ROUTES, as the graph has them as facts */
	struct hashmap disputes;
	struct hashmap envoys; /* struct newcomer */
	uint64_t newest, look; /* the number of the latest of them, and of a look at them all */
	size_t connected;      /* in this look */
	struct vec dirty;
	struct quarantine_counters counters;
};

const void *subject_key(const void *entry, size_t *ret_len);
/* Finds the subject of an item's kind and key. */
struct subject *subject_find(const struct quarantine *q, uint32_t kind, const char *key,
			     size_t key_len);
struct subject *subject_make(struct quarantine *q, uint32_t kind, const char *key, size_t key_len);
void subject_free(struct subject *s);
void subject_dirty(struct quarantine *q, struct subject *s);
/* Frees it if all of it is confirmed. */
void subject_release(struct quarantine *q, struct subject *s);
struct item *subject_published(const struct quarantine *q, const struct subject *s);
struct hold *subject_hold(const struct subject *s, uint32_t kind, const char *key, size_t key_len);
/* Its published version was refused: one culprit is held back, of several suspects half are parked.
 */
void subject_rejected(struct quarantine *q, struct subject *s,
		      const Portolan__Ipc__RejectReport *refusal);
/* Changes published with this source or before are accepted; with UINT64_MAX all present ones are,
 * and parked changes are tried next. */
void subject_accepted(struct quarantine *q, struct subject *s, uint64_t source);
/* Sets its version to fit its published parts. */
void subject_settle(struct quarantine *q, struct subject *s, uint64_t source);

const void *hold_item_key(const void *entry, size_t *ret_len);
/* The served item at the place; borrowed. */
/* A route table whose parts are made of what was decided here for each of its hosts. */
bool hold_is_of_hosts(const char *table);
struct item *hold_published(const struct quarantine *q, uint32_t kind, const char *key,
			    size_t key_len);
void hold_publish_item(struct quarantine *q, uint32_t kind, const char *key, size_t key_len,
		       struct item *item);
struct hold *hold_make(struct quarantine *q, struct subject *s, uint32_t kind, const char *key,
		       size_t key_len, struct item *good);
/* Publishes the wanted item, unless that was refused. */
void hold_want(struct quarantine *q, struct hold *h, struct item *wanted);
/* Forgets it and publishes this. */
void hold_drop(struct quarantine *q, struct subject *s, struct hold *h, struct item *publish);
void hold_set(struct quarantine *q, struct hold *h, enum hold_state state);
void hold_refuse(struct quarantine *q, struct hold *h, const Portolan__Ipc__RejectReport *refusal);
void hold_free(struct hold *h);
/* Restores it from a REPORT_QUARANTINE item. */
void hold_recall(struct quarantine *q, const struct item *report);
/* No Envoy that refused it is connected: it is published again. */
void hold_release(struct quarantine *q, struct subject *s, struct hold *h);
/* Publishes it again. Statuses go on saying that it is refused, until that is decided. */
void hold_try_again(struct quarantine *q, struct subject *s, struct hold *h);
/* Reports in the status of its objects why it is not served. */
void hold_explain(struct quarantine *q, const struct subject *s, struct hold *h);

/* ---- Envoys that come later (quarantine-newcomer.c) ---- */

const void *newcomer_key(const void *entry, size_t *ret_len);
/* It is connected; answered: it has got through a first world, or is not waited for. Call it for
 * all, then newcomer_end_look(). */
void newcomer_note(struct quarantine *q, const char *node_id, bool answered);
void newcomer_end_look(struct quarantine *q);
/* Call it when the change is held back. */
void newcomer_held(const struct quarantine *q, struct hold *h);
/* Publishes again the held changes that some connected Envoy has not answered. */
void newcomer_ask(struct quarantine *q, struct subject *s);
/* When newcomer_ask() would do something, if no Envoy comes until then; -1: never. */
int64_t newcomer_next(const struct quarantine *q);
/* Whether it is connected and has not got through a first world yet; away: whether it is not
 * connected. */
bool newcomer_begins(const struct quarantine *q, const char *node_id, bool *ret_away);
void newcomer_free_all(struct quarantine *q);

/* ---- disputes (quarantine-dispute.c) ---- */

/* Of one resource with parts; more are served and not named. */
#define DISPUTED_MAX 1024
/* An Envoy that has lost its stream, or all of them xds-server, comes back within this time. */
#define DISPUTE_RETURN_USEC (10 * USEC_PER_SEC)

/* Refused but served items, until one of the two ends. s: the subject, or NULL. */
void dispute_note(struct quarantine *q, struct item *report, const struct item *published,
		  const struct subject *s, const Portolan__Ipc__RejectReport *refusal);
/* The served version is not answered by all. What was in dispute stays so: the same version, if
 * nobody has accepted it, and one with parts, which has a new version with each change of a host.
 */
void dispute_keep(struct quarantine *q, const struct item *report, const struct item *published);
/* The served item was refused, and nobody has accepted it. */
bool dispute_is_new(const struct quarantine *q, const struct item *published);
void dispute_begin(struct quarantine *q);
/* Those that were not noted since are over, unless their Envoys may still say so again. */
void dispute_end(struct quarantine *q);
/* As newcomer_next(), of dispute_end(). */
int64_t dispute_next(const struct quarantine *q);
/* The served item of such a report's resource. */
struct item *dispute_published(const struct quarantine *q, const struct item *report);
bool dispute_is_about(const struct item *published, ProtobufCBinaryData version);
void dispute_free_all(struct quarantine *q);
const void *dispute_key(const void *entry, size_t *ret_len);
