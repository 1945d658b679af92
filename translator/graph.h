/* Incremental translation: a graph of units, each a pure function whose reads are recorded.
 *
 * A unit (an Ingress's routes, a host, a cluster…) has a kind and a key. Its function reads cells and
 * emits outputs. Cells are what can be read, and whoever read one is run again when it changes:
 *   - an object of the store, present or missing,
 *   - an index look-up ("slices of this service"), a list of objects,
 *   - a collection of facts that other units have emitted ("routes of this host"),
 *   - another unit's result; reading it also keeps that unit alive.
 * After a change only units that had read what changed are run, lowest rank first, and a unit whose
 * outputs are the same as before stops the wave. From-scratch translation is the same code, so its
 * output is the same, byte for byte: an order of events can never show in it. To keep that true a
 * unit's function may use nothing but its reader.
 *
 * Units come to life in three ways: with each object of a kind (unit_row.object), with each
 * collection of facts that is not empty (unit_row.fact), or because another unit reads them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>

#include "proto/ipc.pb-c.h"

#include "common/arena.h"
#include "common/object-kind.h"
#include "common/resource-kind.h"
#include "common/state.h"

struct graph;
struct reader; /* what a running unit reads and emits with */

/* Units in rank order: a unit may only read results of units of an earlier kind. */
enum unit_kind {
	UNIT_SECRET,
	UNIT_ENDPOINTS,
	UNIT_CLUSTER,
	UNIT_EXTENSION,
	UNIT_CLAIM,
	UNIT_INGRESS,
	UNIT_PROXY,
	UNIT_ORPHAN,
	UNIT_HOST,
	UNIT_SERVER_NAME,
	UNIT_VIRTUAL_HOST,
	UNIT_FALLBACK,
	UNIT_CONFIGURATION,
	UNIT_TABLE, /* route tables and listeners, made of parts */
	UNIT_KIND_MAX_,
};

enum fact_kind {
	FACT_HOST = 1,	   /* key: host; what sources want of it: model HostRoutes */
	FACT_SAME_ROUTES,  /* key: version of routes; the hosts served by exactly these: injected */
	FACT_CLAIM,	   /* key: host; the root HTTPProxies that have it as their fqdn */
	FACT_INCLUDED,	   /* key: "namespace/name" of an HTTPProxy; the roots that reach it */
	FACT_BELOW,	   /* key: "*." and the domain above; hosts right below it that are served by TLS */
	FACT_SERVER_NAME,  /* key: host; the Secret that is its certificate, where hosts share a chain */
	FACT_KEPT_SECRET,  /* key: "namespace/name"; what a Secret held that is unusable now: injected */
	FACT_FALLBACK,	   /* key: ""; hosts that are served to clients that name none: the Secret */
	FACT_PART,	   /* key: "<resource kind digit>/<resource name>"; its parts */
	FACT_KIND_MAX_,
};

enum index_kind {
	INDEX_SLICES_OF_SERVICE = 1, /* key: "namespace/service" */
	INDEX_DEFAULT_CLASSES,	     /* key: "" */
	INDEX_DELEGATIONS,	     /* key: namespace of the TLSCertificateDelegation */
	INDEX_KIND_MAX_,
};

/* An output that is not sent: how a host is to be served over plain HTTP; the item's key is that of a
 * part of the shared table, its meta the version. The quarantine decides whether this or an earlier one
 * is served, and injects that as FACT_SAME_ROUTES, of which the table is made. */
#define OUTPUT_HOST_ROUTES 60
#define HOST_ROUTES_TABLE "ingress_http"

struct unit_row {
	const char *name;
	void (*run)(struct reader *r, const char *key, size_t key_len);
	enum object_kind object; /* one unit for each object of this kind */
	enum fact_kind fact;	 /* one for each collection of this kind that is not empty */
	const char *const *always; /* keys of units that are always there; ends with NULL */
};

struct index_row {
	enum object_kind object;
	enum index_kind index;
	/* Writes the key under which the object is found to key and returns its length, or -1. */
	int (*key)(const struct item *object, struct arena *scratch, const char **ret_key);
};

struct graph_config {
	const struct unit_row *units; /* UNIT_KIND_MAX_ rows */
	const struct index_row *indexes;
	size_t n_indexes;
	/* What reader_settings() gives, made of the object at settings_kind and settings_key (of NULL if it is
	 * not there) once for all units. May be NULL. */
	const void *(*settings)(struct arena *a, const struct item *object);
	enum object_kind settings_kind;
	const char *settings_key;
	struct state *objects;	/* read */
	struct state *statuses; /* written */
	/* What is wanted at (kind, key) has changed: an item, borrowed, or NULL for none. */
	void (*output)(void *ctx, uint32_t kind, const char *key, size_t key_len, struct item *wanted);
	/* An object is read by a unit from now on; NULL: none is. May be NULL. */
	void (*reading)(void *ctx, const struct item *object);
	/* Objects that are to be treated as if they were not there; may not change. May be NULL. */
	bool (*hidden)(void *ctx, const struct item *object);
	void *ctx;
};

struct graph *graph_new(const struct graph_config *config);
void graph_free(struct graph *g);
DEFINE_CLEANUP(struct graph *, graph_free)

/* An object came, changed or went (as a state_observer's change). */
void graph_object_changed(struct graph *g, struct item *before, struct item *after);
/* Runs what is due, tells output() what has changed, and goes on with what that injected; statuses are
 * written, not committed. */
void graph_run(struct graph *g);
/* Every unit is due: the settings have changed. */
void graph_rerun_all(struct graph *g);

struct graph_counters {
	uint64_t waves, units_run, units_unchanged; /* unchanged: run, and its outputs were the same */
	uint64_t last_wave_units;
	uint64_t last_wave_usec;
	uint64_t units[UNIT_KIND_MAX_]; /* alive */
	uint64_t runs[UNIT_KIND_MAX_];
	uint64_t cells;
};
const struct graph_counters *graph_counters(const struct graph *g);

/* The objects from which a resource (or a part of one, by its item key) is made: each is given once,
 * as kind and key, in order. */
void graph_provenance(struct graph *g, uint32_t kind, const char *key, size_t key_len,
		      void (*fn)(void *ctx, enum object_kind kind, const char *key), void *ctx);

/* What depends on the object: hosts that something is wanted of (keys of FACT_HOST), and outputs by kind and
 * key; each once, in no order. Returns whether that is all: of what thousands depend on, a part is enough. */
struct graph_consequence_ops {
	void (*host)(void *ctx, const char *key, size_t key_len);
	void (*output)(void *ctx, uint32_t kind, const char *key, size_t key_len);
};
bool graph_consequences(struct graph *g, const struct item *object, const struct graph_consequence_ops *ops,
			void *ctx);

/* The parts of a resource that are wanted, by key; borrowed until the graph runs. */
const struct item *const *graph_parts(struct graph *g, enum resource_kind kind, const char *name,
				      size_t *ret_n);

/* What units emitted and others injected, in order; borrowed until the graph runs. */
const struct item *const *graph_facts(struct graph *g, enum fact_kind fact, const char *key, size_t key_len,
				      size_t *ret_n);

/* A fact that no unit emits; the same item is given to take it away. The reference stays the caller's. */
void graph_inject(struct graph *g, enum fact_kind fact, const char *key, size_t key_len, struct item *item);
void graph_uninject(struct graph *g, enum fact_kind fact, const char *key, size_t key_len, struct item *item);

/* Something that is not a unit's has to be said of an object. A note's verdict counts like a unit's:
 * ACCEPTED says nothing. The result is for graph_note_remove(). */
struct item *graph_note_add(struct graph *g, enum object_kind kind, const char *key,
			    Portolan__Ipc__Verdict verdict, const Portolan__Ipc__Problem *problem);
void graph_note_remove(struct graph *g, enum object_kind kind, const char *key, struct item *note);

/* ---- for units ---- */

/* A read of the object that they are made of. It is not to blame for a crash: whoever reads it has something
 * else at hand, and without it all hosts would be served otherwise. */
const void *reader_settings(struct reader *r);
/* Scratch memory until the unit's function returns. */
struct arena *reader_arena(const struct reader *r);

/* The object's item, or NULL; key is "namespace/name". */
const struct item *read_object(struct reader *r, enum object_kind kind, const char *key);
/* What the unit does next is for this object: if it crashes, this is to blame. */
void reader_blame(struct reader *r, enum object_kind kind, const char *key);
/* The object itself, unpacked into the arena, or NULL; the type is its kind's schema. */
void *read_message(struct reader *r, enum object_kind kind, const char *key);
/* Items of an index, sorted by key. */
const struct item *const *read_index(struct reader *r, enum index_kind index, const char *key,
				     size_t *ret_n);
/* Facts of a collection, sorted by their keys. */
const struct item *const *read_facts(struct reader *r, enum fact_kind fact, const char *key,
				     size_t key_len, size_t *ret_n);
/* The result of another unit, which is run first if it is due. NULL if it emitted none. */
const struct item *read_unit(struct reader *r, enum unit_kind kind, const char *key, size_t key_len);

void emit_result(struct reader *r, const void *value, size_t len);
/* sort_key orders the collection and must be unique in it. */
void emit_fact(struct reader *r, enum fact_kind fact, const char *key, size_t key_len,
	       const char *sort_key, size_t sort_len, const void *value, size_t len);
/* A whole resource; its version is the hash of its bytes. Several units may emit the same resource if
 * its bytes are the same: names made from content. */
void emit_resource(struct reader *r, enum resource_kind kind, const char *name, const void *value,
		   size_t len);
/* An output of kind OUTPUT_HOST_ROUTES, for the host's part of HOST_ROUTES_TABLE. */
void emit_host_routes(struct reader *r, const char *host, const void *value, size_t len);
/* A part of a resource whose head another unit emits with emit_head(). */
void emit_part(struct reader *r, enum resource_kind kind, const char *name, const char *part,
	       const void *value, size_t len);
/* The head of a resource with parts; reads the parts, so this unit is run when any changes. With
 * need_parts nothing is emitted while there are no parts. */
void emit_head(struct reader *r, enum resource_kind kind, const char *name, const void *value,
	       size_t len, bool need_parts);

/* What the author of an object should know. The object's status is made of all that units say. */
void emit_problem(struct reader *r, enum object_kind kind, const char *key,
		  Portolan__Ipc__Severity severity, const char *reason, const char *field,
		  const char *fmt, ...) _printf_(7, 8);
/* The worst verdict that any unit emits is the object's. */
void emit_verdict(struct reader *r, enum object_kind kind, const char *key,
		  Portolan__Ipc__Verdict verdict);

/* Packs a message into the reader's arena. */
uint8_t *reader_pack(struct reader *r, const ProtobufCMessage *m, size_t *ret_len);
