/* The inside of the graph, shared by graph.c (life of units and cells, the wave), reader.c (what units
 * call) and graph-status.c (statuses). */
#pragma once

#include "translator/cell.h"
#include "translator/graph.h"

enum emit_type {
	EMIT_FACT,
	EMIT_OUTPUT,
	EMIT_NOTE,
};

struct emit {
	enum emit_type type;
	struct cell *cell;
	struct item *item; /* a reference */
};

struct unit {
	struct cell cell; /* what reads this unit's result, and its key */
	struct cell **reads; /* sorted by address, each once */
	struct emit *emits;  /* sorted, see emit_compare() */
	struct item *result;
	uint32_t n_reads;
	uint32_t n_emits;
	bool rooted;	/* an object or a fact wants it, or it is always there */
	bool due;	/* on its rank's list */
	bool running;
	bool candidate; /* on the list of those that may have to go */
};

/* reader_settings() */
struct shared {
	bool made;
	struct item *object; /* a reference, or NULL */
	struct arena *arena;
	const void *value; /* in the arena */
};

struct graph {
	struct graph_config config;
	struct hashmap cells[SPACE_MAX_][STATE_KIND_MAX];
	struct vec due[UNIT_KIND_MAX_];
	struct vec candidates; /* units that lost a reader or their root */
	struct vec touched;    /* output and notes cells to publish */
	struct arena *arenas[UNIT_KIND_MAX_]; /* scratch, one a rank: a unit may run inside another */
	struct graph_counters counters;
	struct unit *current;
	struct shared shared;
};

struct reader {
	struct graph *graph;
	struct unit *unit;
	struct arena *arena;
	const struct item *blamed; /* was read last */
	const void *settings;	   /* once they were read */
	struct cell **reads;
	size_t n_reads, cap_reads;
	struct emit *emits;
	size_t n_emits, cap_emits;
	struct item *result;
};

struct cell *graph_cell(struct graph *g, enum space space, unsigned kind, const char *key, size_t len);
void graph_touch(struct graph *g, struct cell *c);
/* Found or made; made ones are due. */
struct unit *graph_unit(struct graph *g, enum unit_kind kind, const char *key, size_t len);
void graph_run_unit(struct graph *g, struct unit *u);

/* Something about the object's status may have changed. */
void graph_status_due(struct graph *g, enum object_kind kind, const char *key, size_t len);
/* Somebody began or stopped reading this cell. */
void graph_status_use(struct graph *g, struct cell *c);
void graph_status_publish(struct graph *g, struct cell *notes);
