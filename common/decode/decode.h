/* One decoder for Kubernetes objects: JSON, YAML and Kubernetes' protobuf become the messages of
 * proto/k8s in one canonical encoding (maps sorted by key, no zero where zero means absent), driven
 * by the protobuf-c descriptors alone. Nothing here knows a kind; decode-rules.c has the few
 * exceptions.
 *
 * Input is hostile: size, documents, objects, depth, aliases and the number of problems are
 * bounded, and an unreadable document loses only itself. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/strbuf.h"
#include "k8s/meta.pb-c.h"

struct json_object;

struct decode_limits {
	size_t bytes;      /* of a file or message */
	size_t objects;    /* in one file */
	unsigned depth;    /* of nesting */
	size_t values;     /* in one document, aliases expanded */
	size_t memory;     /* for the tree of one document of JSON */
	unsigned problems; /* reported for one object */
};
#define DECODE_LIMITS_DEFAULT                          \
	((struct decode_limits){ .bytes = 16u << 20,   \
				 .objects = 200000,    \
				 .depth = 64,          \
				 .values = 2000000,    \
				 .memory = 512u << 20, \
				 .problems = 20 })

struct decode_problem {
	bool error;          /* else a warning: the object is read all the same */
	const char *reason;  /* CamelCase word: "WrongType", "UnknownField", "Syntax"… */
	const char *field;   /* path, "spec.rules[0].host"; "" for the document as a whole */
	const char *message; /* "must be a string, not a number: quote it" */
	unsigned line;       /* from 1; 0 if not known */
};

/* An object, or a document (or item of a List) that could not be read. Everything is borrowed until
 * the callback returns. */
struct decoded {
	unsigned kind;   /* enum object_kind; 0 if that could not be read */
	const char *key; /* "namespace/name"; NULL if that could not be read */
	size_t key_len;
	const uint8_t *value; /* canonical encoding; NULL: unreadable, problems say why */
	size_t value_len;
	const K8s__ObjectMeta *metadata; /* NULL with value */
	unsigned document;               /* from 1 */
	unsigned line;                   /* where the object begins; 0 if not known */
	const struct decode_problem *problems;
	size_t n_problems;
};

/* A decoder is for one thread; it keeps its memory for the next call. */
struct decoder;
/* limits may be NULL for the default. */
struct decoder *decoder_new(const struct decode_limits *limits);
void decoder_free(struct decoder *d);
DEFINE_CLEANUP(struct decoder *, decoder_free)

enum decode_format {
	DECODE_YAML,
	DECODE_JSON,
};

typedef void (*decode_fn)(void *ctx, const struct decoded *o);

/* Objects of one kind that is not ours. */
struct decode_passed {
	char kind[64], group[64]; /* cut off if they are longer */
	size_t n;
};
#define DECODE_PASSED_MAX 32

struct decode_counts {
	size_t objects;
	size_t unreadable;
	size_t ignored;                                 /* objects of kinds that are not ours */
	struct decode_passed passed[DECODE_PASSED_MAX]; /* the first kinds among them */
	size_t n_passed;
};

/* A whole file: documents (YAML) or values one after another (JSON), Lists unfolded. fn is called
 * once an object, in order; objects of unknown kinds are skipped. The API server's defaulting is
 * applied (decode-rules.c). ret_counts may be NULL. */
void decode_text(struct decoder *d, enum decode_format format, const char *text, size_t len,
		 decode_fn fn, void *ctx, struct decode_counts *ret_counts);

/* One object of the API, which has been through the server's defaulting. kind: enum object_kind,
 * from the request; apiVersion and kind in the body are not looked at. fn is called once. */
void decode_json_object(struct decoder *d, unsigned kind, struct json_object *object, decode_fn fn,
			void *ctx);
/* bytes: the object's own protobuf encoding (the content of Unknown.raw). */
void decode_protobuf(struct decoder *d, unsigned kind, const void *bytes, size_t len, decode_fn fn,
		     void *ctx);

/* Any message with a descriptor: a kubeconfig, a Status. Exactly one document. The message lives in
 * the decoder until its next call. -EBADMSG: *ret_problems says why (errors are among them);
 * unknown fields are warnings there. */
int decode_message(struct decoder *d, enum decode_format format,
		   const ProtobufCMessageDescriptor *type, const char *text, size_t len,
		   ProtobufCMessage **ret, const struct decode_problem **ret_problems,
		   size_t *ret_n_problems);

/* "web.yaml, document 2, line 14: spec.rules[0].host: must be a string". document 0: not named. */
void decode_problem_print(struct strbuf *out, const char *file, unsigned document,
			  const struct decode_problem *p);
