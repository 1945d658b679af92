/* One connection of a link: shared with common/link/link.c. For these two files and their tests
 * only. */
#pragma once

#include <event2/buffer.h>
#include <sys/stat.h>

#include "common/link/feed.h"
#include "common/link/frame-input.h"
#include "common/link/link.h"
#include "common/link/mirror.h"

enum link_side {
	LINK_LISTENER,
	LINK_CONNECTOR,
	LINK_READER,
};

#define LINK_REJECTS_MAX 3 /* in REJECT_WINDOW_USEC: then the peer is thrown out */

struct link {
	enum link_side side;
	struct event_loop *loop;
	struct link_config config;
	struct feed feed; /* of config.send, if there is one and we are no reader */
	bool feeds;
	struct link_conn *conns;
	struct link_conn *peer; /* the one of peer_role, after its HELLO */
	struct event *reap;     /* ends connections outside of their own callbacks */

	int fd; /* that listens */
	struct event *accept;
	struct stat identity; /* of the socket at config.path */

	struct event *retry; /* to connect, or to accept again */
	unsigned attempts;   /* to connect, in vain */
	unsigned faults;     /* connections in a row that ended by a breach of the protocol */

	int64_t rejects[LINK_REJECTS_MAX]; /* when; the oldest first */
	struct link_counters counters;
	char *last_error;
};

struct link_conn {
	struct link *link;
	struct link_conn *next;
	int fd;
	struct event *read, *write, *watch;
	struct frame_input in;
	struct evbuffer *out;
	bool up;       /* HELLO came and was accepted */
	bool reader;   /* of our state; not the peer */
	bool mute;     /* writing failed; the peer's last frames are still to be read */
	bool reading;  /* frames are being taken: what they cause is sent after the last one */
	bool dead;     /* waits to be reaped */
	bool fault;    /* because of a breach of the protocol */
	bool stopping; /* because the peer ends, as it said */
	int64_t pid;   /* as HELLO says */
	struct feed_peer feed;
	bool feeds;
	struct mirror mirror;
	int64_t began_at, progress_at;
	char *error; /* why it ended */
};

/* Takes the descriptor and says HELLO. */
void link_conn_new(struct link *l, int fd);
void link_conn_free(struct link_conn *c);
/* Sends as much as the socket takes. */
void link_conn_pump(struct link_conn *c);
/* Ends it: the peer is gone. */
void link_conn_end(struct link_conn *c, const char *fmt, ...) _printf_(2, 3);
/* Ends it with BYE, as we end. */
void link_conn_stop(struct link_conn *c);
/* Ends the connection with BYE and that sentence, which names the peer's fault. */
void link_conn_refuse(struct link_conn *c, const char *fmt, ...) _printf_(2, 3);

/* In link.c: a valid HELLO has arrived. Accepts (c->up) or refuses. */
void link_admit(struct link_conn *c, const char *role);
/* The peer sent a frame that we refuse, or refused one of ours. True if that was once too often;
 * for a reader, the first time is. */
bool link_count_reject(struct link_conn *c, const char *what);
