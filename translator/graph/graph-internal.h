/* The inside of the graph, shared by graph.c (life of units and cells, the wave), reader.c (what
 * units call) and graph-status.c (statuses). */
#pragma once

#include "translator/graph/cell.h"
#include "translator/graph/graph.h"

/* Rarely needed data of a unit: graph-fleet.c. */
struct unit_fleet {
	struct fleet_names *said;   /* by the unit itself; NULL: it has named none */
	struct fleet_names *fleets; /* that it works for; NULL: not known yet */
	struct emit *sets;          /* which fleets need its resources, one item each */
	uint32_t n_sets;
	bool due;
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
	struct vec due[GRAPH_KINDS_MAX];
	struct vec candidates;                  /* units that lost a reader or their root */
	struct vec touched;                     /* output and notes cells to publish */
	struct vec statuses_due;                /* objects without notes, a reference each */
	struct vec fleets_due[GRAPH_KINDS_MAX]; /* units whose fleets may have changed */
	unsigned late;                          /* the first unit kind that is */
	bool has_fleets;      /* other than the default: without any, no sets are computed */
	size_t n_fleet_units; /* that work for others */
	struct arena
		*arenas[GRAPH_KINDS_MAX]; /* scratch, one a rank: a unit may run inside another */
	/* The reads and outputs of each running unit so far: likewise one a rank. */
	struct {
		small_ref *reads;
		struct emit *emits;
		size_t cap_reads, cap_emits;
	} lists[GRAPH_KINDS_MAX];
	struct graph_counters counters;
	struct unit *current;
	struct shared shared;
	struct item *nothing;           /* an empty result: those of many units */
	bool indexed[GRAPH_KINDS_MAX];  /* the index was made: a unit has read it */
	bool unwanted[GRAPH_KINDS_MAX]; /* the settings do not ask for units of this kind */
};

struct reader {
	struct graph *graph;
	struct unit *unit;
	struct arena *arena;
	const struct item *blamed; /* was read last */
	const void *settings;      /* once they were read */
	small_ref *reads;
	size_t n_reads, cap_reads;
	struct emit *emits;
	size_t n_emits, cap_emits;
	struct item *result;
	const char **fleets; /* in the arena */
	size_t n_fleets;
};

/* ---- graph-fleet.c ---- */

/* The unit has run. changed: its emits are others. */
void graph_fleet_ran(struct graph *g, struct unit *u, const struct reader *r, bool changed);
/* Somebody began or stopped reading the unit's result. */
void graph_fleet_read(struct graph *g, struct unit *u);
/* Call it before outputs are published. */
void graph_fleet_settle(struct graph *g);
/* The fleets of a resource, from all units that emit it; the caller has the item. NULL: only the
 * default fleet. */
struct item *graph_fleet_union(const struct cell *c, const struct item *const *all, size_t n);
void graph_fleet_destroy(struct graph *g, struct unit *u);
void graph_fleet_free(struct unit *u);
/* For graph-fleet.c: an output comes, or goes. */
void graph_emit_publish(struct graph *g, const struct emit *e);
void graph_emit_withdraw(struct graph *g, const struct emit *e);

/* Not of an output. */
struct cell *graph_cell(struct graph *g, enum space space, unsigned kind, const char *key,
			size_t len);
struct cell *graph_output_cell(struct graph *g, struct item *i);
void graph_touch(struct graph *g, struct cell *c);
const struct fact_row *graph_fact_row(const struct graph *g, unsigned fact);
/* Found or made; made ones are due. */
struct unit *graph_unit(struct graph *g, unsigned kind, const char *key, size_t len);
void graph_run_unit(struct graph *g, struct unit *u);
/* Of all objects. An unread index costs nothing: most worlds need few of them. */
void graph_make_index(struct graph *g, unsigned index);
/* reader_settings() for the graph itself. */
const void *graph_settings(struct graph *g);

/* Something about the object's status may have changed. */
void graph_status_due(struct graph *g, struct item *object);
/* Publishes the statuses that are due of objects without notes, after those with notes. */
void graph_status_settle(struct graph *g);
void graph_status_drop(struct vec *due);
/* Somebody began or stopped reading this cell. */
void graph_status_use(struct graph *g, struct cell *c);
void graph_status_publish(struct graph *g, struct cell *notes);
/* Units are made for objects of this kind. One that such a unit has read is accepted, unless
 * something else is said of it. */
bool graph_status_judged(const struct graph *g, unsigned kind);
