/* Incremental translation: a graph of units, each a pure function with recorded reads.
 *
 * A unit (an Ingress's routes, a host, a cluster…) has a kind and a key. Its function reads cells
 * and emits outputs. A unit that has read a cell runs again when the cell changes. Cells are:
 *  - an object of the store, present or missing,
 *  - an index look-up ("slices of this service"), a list of objects,
 *  - a collection of facts that other units have emitted ("routes of this host"),
 *  - another unit's result; reading it also keeps that unit alive.
 *
 * After a change only units that have read changed cells run, lowest rank first, and a unit with
 * the same outputs as before stops the wave. A translation from scratch is the same code, so its
 * output is the same, byte for byte: the order of events can never show in it. To keep that true a
 * unit's function may use nothing but its reader.
 *
 * Units come to life in three ways: with each object of a kind (unit_row.object), with each
 * collection of facts that is not empty (unit_row.fact), or because another unit reads them. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/metric.h"
#include "proto/ipc.pb-c.h"

#include "common/base/arena.h"
#include "common/decode/object-kind.h"
#include "common/link/resource-kind.h"
#include "common/link/state.h"
#include "common/link/users-item.h"

struct graph;
struct reader; /* a running unit reads and emits through it */

/* The engine knows kinds only as small numbers; the rows of the configuration describe them
 * (translator/kinds.h has their names). Besides objects, which are kinds of their own, it knows two
 * things that the link has for all resources: parts, and the fleets that need one. */
#define GRAPH_KINDS_MAX 64 /* of units, of facts and of indexes: as cells hold them */
/* The one kind of facts that is the engine's own: the parts of a resource. */
#define GRAPH_PARTS 1

/* The fleets that a unit works for, and that so need the resources that it emits. */
enum unit_fleets {
	FLEETS_DEFAULT,    /* the default one, unless it says others */
	FLEETS_SAID,       /* those named with reader_fleet(); none if it names none */
	FLEETS_OF_READERS, /* those of the units that read its result; for one that an object wants,
			      also the default fleet */
};

struct unit_row {
	const char *name;
	enum unit_fleets fleets;
	void (*run)(struct reader *r, const char *key, size_t key_len);
	enum object_kind object; /* one unit for each object of this kind */
	bool remarks;            /* only remarks on it: others make use of it, or nobody */
	/* Whether the settings ask for these at all: else there are none. NULL: always. */
	bool (*wanted)(const void *settings);
	unsigned fact; /* one unit for each non-empty collection of this kind; 0: none */
	const char *const *always; /* keys of units that are always there; ends with NULL */
	/* Made of many others: it and higher ranks run when no lower one is due, and units that
	 * are not wanted have gone. */
	bool late;
};

/* How questions treat the facts of a kind; all zeros for most. */
struct fact_row {
	bool followed; /* graph_consequences() follows its readers */
	bool listed;   /* … and gives its key */
	/* An output of this kind comes back as the fact: the injected item has the output's key. 0:
	 * none. */
	uint32_t output;
};

struct index_row {
	enum object_kind object;
	unsigned index; /* its kind */
	/* Writes the key under which the object is found to key and returns its length, or -1. */
	int (*key)(const struct item *object, struct arena *scratch, const char **ret_key);
};

struct graph_config {
	const struct unit_row *units; /* by kind, in rank order: each reads only earlier ones */
	size_t n_units;
	const struct fact_row *facts; /* by kind; kinds after the last have no row */
	size_t n_facts;
	const struct index_row *indexes;
	size_t n_indexes;
	/* Makes reader_settings()'s result of the object at settings_kind and settings_key (of
	 * NULL if it is absent), once for all units. May be NULL. */
	const void *(*settings)(void *ctx, struct arena *a, const struct item *object);
	enum object_kind settings_kind;
	const char *settings_key;
	struct state *objects;  /* read */
	struct state *statuses; /* written */
	/* The wanted item at (kind, key) has changed: item is borrowed, NULL for removal. */
	void (*output)(void *ctx, uint32_t kind, const char *key, size_t key_len,
		       struct item *wanted);
	/* A unit begins to read an object; NULL: it has ended. May be NULL. */
	void (*reading)(void *ctx, const struct item *object);
	/* Whether to treat an object as absent; must not change it. May be NULL. */
	bool (*hidden)(void *ctx, const struct item *object);
	void *ctx;
};

struct graph *graph_new(const struct graph_config *config);
void graph_free(struct graph *g);
DEFINE_CLEANUP(struct graph *, graph_free)

/* An object came, changed or went (as a state_observer's change). */
void graph_object_changed(struct graph *g, struct item *before, struct item *after);
/* Runs all due units, passes changes to output(), and goes on with the facts that this injects;
 * statuses are written, not committed. */
void graph_run(struct graph *g);
/* Makes every unit due, for tests: the next wave must change nothing. */
void graph_rerun_all(struct graph *g);

struct graph_counters {
	uint64_t waves, units_run,
		units_unchanged; /* unchanged: run, and its outputs were the same */
	uint64_t last_wave_units;
	uint64_t last_wave_usec;
	struct metric_histogram wave_seconds;
	uint64_t units[GRAPH_KINDS_MAX]; /* alive */
	uint64_t runs[GRAPH_KINDS_MAX];
	uint64_t cells;
};
const struct graph_counters *graph_counters(const struct graph *g);

/* The objects from which a resource (or a part of one, by its item key) is made: each once, as kind
 * and key, in order. */
void graph_provenance(struct graph *g, uint32_t kind, const char *key, size_t key_len,
		      void (*fn)(void *ctx, enum object_kind kind, const char *key), void *ctx);
/* The fleets for which the object's own units work: "" is the default one, "*" means all. A fleet
 * may be given twice. */
void graph_object_fleets(struct graph *g, enum object_kind kind, const char *key, size_t key_len,
			 void (*fn)(void *ctx, const char *fleet), void *ctx);

/* The objects that cause its existence: those read by units that refer to its unit, the nearest
 * first. */
void graph_referrers(struct graph *g, uint32_t kind, const char *key, size_t key_len,
		     void (*fn)(void *ctx, enum object_kind kind, const char *key), void *ctx);

/* Lists the effects of the object: facts of listed kinds, and outputs; each once, unordered.
 * Returns false if it stopped early, as a part is enough for objects that affect thousands. */
struct graph_consequence_ops {
	void (*fact)(void *ctx, unsigned fact, const char *key, size_t key_len);
	void (*output)(void *ctx, uint32_t kind, const char *key, size_t key_len);
};
bool graph_consequences(struct graph *g, const struct item *object,
			const struct graph_consequence_ops *ops, void *ctx);

/* The parts of a resource that are wanted, by key; borrowed until the graph runs. */
const struct item *const *graph_parts(struct graph *g, enum resource_kind kind, const char *name,
				      size_t *ret_n);

/* Facts that units emitted and others injected, in order; borrowed until the graph runs. */
const struct item *const *graph_facts(struct graph *g, unsigned fact, const char *key,
				      size_t key_len, size_t *ret_n);

/* The output that units want at (kind, key); NULL: none. Borrowed until the graph runs. */
const struct item *graph_wanted(struct graph *g, uint32_t kind, const char *key, size_t key_len);

/* The keys of all collections of this kind that are not empty, in no order. */
void graph_fact_keys(struct graph *g, unsigned fact,
		     void (*fn)(void *ctx, const char *key, size_t key_len), void *ctx);

/* A fact that no unit emits; giving the same item again removes it. The reference stays the
 * caller's. */
void graph_inject(struct graph *g, unsigned fact, const char *key, size_t key_len,
		  struct item *item);
void graph_uninject(struct graph *g, unsigned fact, const char *key, size_t key_len,
		    struct item *item);

/* Adds a remark on an object that does not come from a unit. A note's verdict counts like a unit's:
 * ACCEPTED says nothing. Pass the result to graph_note_remove(). */
struct item *graph_note_add(struct graph *g, enum object_kind kind, const char *key,
			    Portolan__Ipc__Verdict verdict, const Portolan__Ipc__Problem *problem);
/* The same for a part of the status, as emit_status() takes it. */
struct item *graph_note_add_status(struct graph *g, enum object_kind kind, const char *key,
				   const Portolan__Ipc__ObjectStatus *part);
void graph_note_remove(struct graph *g, enum object_kind kind, const char *key, struct item *note);

/* ---- for units ---- */

/* Reads the object that the settings are made of. That object is never blamed for a crash: its
 * readers always read others as well, and without it all hosts would be served otherwise. */
const void *reader_settings(struct reader *r);
/* Scratch memory until the unit's function returns. */
struct arena *reader_arena(const struct reader *r);

/* The object's item, or NULL; key is "namespace/name". */
const struct item *read_object(struct reader *r, enum object_kind kind, const char *key);
/* The same for an object of minor importance: it is not blamed for a crash. */
const struct item *read_beside(struct reader *r, enum object_kind kind, const char *key);
/* The unit's next steps are for this object: if it crashes, this object is to blame. */
void reader_blame(struct reader *r, enum object_kind kind, const char *key);
/* The object itself, unpacked into the arena, or NULL; the type is its kind's schema. */
void *read_message(struct reader *r, enum object_kind kind, const char *key);
/* Items of an index, sorted by key. */
const struct item *const *read_index(struct reader *r, unsigned index, const char *key,
				     size_t *ret_n);
/* Facts of a collection, sorted by their keys. */
const struct item *const *read_facts(struct reader *r, unsigned fact, const char *key,
				     size_t key_len, size_t *ret_n);
/* The first of them, and the last, without a copy of the list; NULL if there is none. */
const struct item *read_first_fact(struct reader *r, unsigned fact, const char *key,
				   size_t key_len);
const struct item *read_last_fact(struct reader *r, unsigned fact, const char *key, size_t key_len);
/* The result of another unit, which runs first if it is due. NULL if it emitted none. */
const struct item *read_unit(struct reader *r, unsigned kind, const char *key, size_t key_len);

/* A message as the result, packed. */
void emit_result_message(struct reader *r, const ProtobufCMessage *m);
/* sort_key orders the collection and must be unique in it. */
void emit_fact(struct reader *r, unsigned fact, const char *key, size_t key_len,
	       const char *sort_key, size_t sort_len, const void *value, size_t len);
/* A whole resource; its version is the hash of its bytes. Several units may emit the same resource
 * if its bytes are the same: names made from content. */
void emit_resource(struct reader *r, enum resource_kind kind, const char *name, const void *value,
		   size_t len);
/* An output that is not an Envoy resource: the graph's configuration defines its kind. Several
 * units may emit the same one, with the same bytes. */
void emit_output(struct reader *r, uint32_t kind, const char *key, const void *value, size_t len);
/* The same with the key of a part of the resource, and its version. */
void emit_part_output(struct reader *r, uint32_t kind, const char *name, const char *part,
		      const void *value, size_t len);
/* A part of a resource; another unit emits its head with emit_head(). */
void emit_part(struct reader *r, enum resource_kind kind, const char *name, const char *part,
	       const void *value, size_t len);
/* The head of a resource with parts. Reads the parts, so this unit runs again when any changes.
 * With need_parts nothing is emitted while there are no parts. */
void emit_head(struct reader *r, enum resource_kind kind, const char *name, const void *value,
	       size_t len, bool need_parts);

/* The unit works for this fleet, too: "" is the default one, "*" means all. */
void reader_fleet(struct reader *r, const char *fleet);

/* How long the place is with which a message begins, as conditions need it: a path in spec or
 * within field, before a colon. 0: it begins with none. */
size_t problem_place(const char *message, const char *field);
/* A remark for the author of an object. The object's status is made of all remarks of all units.
 * The place with which the message begins is its field, and is not said twice. */
void emit_problem(struct reader *r, enum object_kind kind, const char *key,
		  Portolan__Ipc__Severity severity, const char *reason, const char *field,
		  const char *fmt, ...) _printf_(7, 8);
/* The worst verdict that any unit emits is the object's. */
void emit_verdict(struct reader *r, enum object_kind kind, const char *key,
		  Portolan__Ipc__Verdict verdict);
/* A part of the object's status beyond verdict and problems: conditions, parents, listeners…
 * (fields 5 and up). Lists of several parts are joined; one unit should emit a whole list, as parts
 * are in the order of their bytes. */
void emit_status(struct reader *r, enum object_kind kind, const char *key,
		 const Portolan__Ipc__ObjectStatus *part);

/* Packs a message into the reader's arena. */
uint8_t *reader_pack(struct reader *r, const ProtobufCMessage *m, size_t *ret_len);
