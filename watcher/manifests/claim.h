/* Decides which document defines an object. A claim is a document that defines it. The first claim
 * by path and place in the file is served, and stays so for as long as it exists. The others wait
 * in line, and the object's note names them. */
#pragma once

#include "common/decode/decode.h"
#include "watcher/manifests/status-log.h"
#include "watcher/store.h"

struct claim_problem {
	struct claim_problem *next;
	bool error;
	char *reason;
	char *field;
	char *message; /* with its place: "must be a string (web.yaml, document 2, line 14)" */
	uint32_t line; /* in the file; 0: not known */
};

struct claim {
	struct claim *next; /* in line for the same object; the first is the one served */
	const char *path;   /* the file's; as long-lived as the claim */
	struct item *item;  /* the object, or only its kind and key */
	struct claim_problem *problems;
	uint32_t place;     /* in its file, counted from 0 */
	uint32_t line : 27; /* a file has fewer */
	bool served : 1;    /* item has a value to serve */
	bool kept : 1;      /* item is from before the document became unreadable */
	bool gone : 1;      /* the file is missing at the moment: others go first */
	bool seen : 1;      /* the file's: met in the present reading */
	bool conflict : 1;  /* said that it lost */
};

struct claims;

/* Both are borrowed. */
struct claims *claims_new(struct store *store, struct status_log *log);
/* Frees the remaining claims, but changes nothing in the store. */
void claims_free(struct claims *c);
DEFINE_CLEANUP(struct claims *, claims_free)

/* From now on the served claim stays first; before, the order of paths alone decides. */
void claims_settled(struct claims *c);

/* The file's own claim to the object, or NULL. path is compared as a pointer. */
struct claim *claims_find(struct claims *c, const char *path, unsigned kind, const char *key,
			  size_t key_len);
/* Takes the claim. */
void claims_add(struct claims *c, struct claim *claim);
/* Call it after a change to the claim. */
void claims_update(struct claims *c, struct claim *claim);
/* Frees it. */
void claims_remove(struct claims *c, struct claim *claim);

void claim_clear_problems(struct claim *c);
/* Takes the message. */
void claim_add_problem(struct claim *c, bool error, const char *reason, const char *field,
		       char *message, uint32_t line);

/* Claims that lost to another file's. */
size_t claims_conflicts(const struct claims *c);
