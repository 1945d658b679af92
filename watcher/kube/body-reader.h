/* Cuts bodies of the Kubernetes API into objects while they arrive: lists and watch streams, in
 * JSON and in protobuf. Holds one object at a time, whatever the body's size, and does not
 * interpret it (the brackets of JSON are balanced, the rest is unchecked). No I/O. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

enum body_format {
	BODY_JSON_LIST,      /* {"metadata":{…},"items":[{…},…]} in any order */
	BODY_JSON_WATCH,     /* {"type":…,"object":{…}} one after the other */
	BODY_PROTOBUF_LIST,  /* "k8s\0", runtime.Unknown, in it a list */
	BODY_PROTOBUF_WATCH, /* 4 bytes of length (big endian), then that many: a WatchEvent */
};

enum body_part {
	BODY_META,  /* a list's metadata: ListMeta */
	BODY_ITEM,  /* an object of a list, in protobuf without an envelope */
	BODY_EVENT, /* a WatchEvent */
};

struct body_reader;

struct body_limits {
	size_t message; /* bytes of one object or event */
	size_t items;   /* objects in a list */
	uint64_t total; /* bytes of a list; a watch has no such limit */
};

/* message: negative ends the reading with that. The bytes are borrowed. */
struct body_reader *body_reader_new(enum body_format format, const struct body_limits *limits,
				    int (*message)(void *ctx, enum body_part part,
						   const uint8_t *data, size_t len),
				    void *ctx);
void body_reader_free(struct body_reader *r);
DEFINE_CLEANUP(struct body_reader *, body_reader_free)

/* -EBADMSG: not of that format. -EMSGSIZE: larger than a limit. After an error the reader can only
 * be freed. */
int body_reader_feed(struct body_reader *r, const uint8_t *data, size_t len);
/* At the end of the body: -EPIPE if it ended inside an object. */
int body_reader_finish(struct body_reader *r);
/* Bytes of an object that has begun and not ended; 0 between objects. */
size_t body_reader_partial(const struct body_reader *r);
