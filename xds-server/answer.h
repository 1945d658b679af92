/* Which response a stream sends next, and its bytes. */
#pragma once

#include "xds-server/stream.h"

/* Sends one response if there is one to send now. Must not be called while one is being sent. */
bool answer_next(struct stream *s);

/* Kinds whose state-of-the-world responses carry all subscribed resources. */
bool answer_is_full(const struct stream *s, unsigned kind);
/* The version_info of an answer with everything. */
void answer_full_version(struct stream *s, struct subscription *sub, uint8_t ret[16]);
/* version_info in its text form. */
#define ANSWER_VERSION_SIZE 33
void answer_version_text(const uint8_t version[16], char ret[ANSWER_VERSION_SIZE]);

/* A cluster goes to the client: its endpoints have to follow, even unchanged. */
void answer_follow(struct stream *s, const struct resource *cluster, uint64_t floor);
