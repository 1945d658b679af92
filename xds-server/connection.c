/* Connections by their peers, and the limits on their streams. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "xds-server/connection.h"

/* All connections from one address, or of one user on this machine. */
struct host {
	size_t n; /* streams */
	size_t len;
	char name[];
};

static const void *peer_of(const void *entry, size_t *ret_len)
{
	const struct connection *c = entry;

	*ret_len = strlen(c->peer);
	return c->peer;
}

static const void *host_of(const void *entry, size_t *ret_len)
{
	const struct host *h = entry;

	*ret_len = h->len;
	return h->name;
}

void connections_init(struct connections *c, size_t max)
{
	*c = (struct connections){
		.by_peer = HASHMAP_INIT(peer_of),
		.hosts = HASHMAP_INIT(host_of),
		.max = max,
	};
}

void connections_done(struct connections *c)
{
	hashmap_done(&c->by_peer);
	hashmap_done(&c->hosts);
}

/* "ipv4:127.0.0.1" of "ipv4:127.0.0.1:40000". */
static struct host *host_find(struct connections *c, const char *peer)
{
	const char *colon = strrchr(peer, ':');
	size_t len = colon ? (size_t)(colon - peer) : strlen(peer);
	struct host *h = hashmap_get(&c->hosts, peer, len);

	if (h)
		return h;
	h = xcalloc(1, sizeof(*h) + len);
	h->len = len;
	memcpy(h->name, peer, len);
	(void)hashmap_put(&c->hosts, h);
	return h;
}

static struct connection *find(struct connections *c, const char *peer)
{
	struct connection *one = hashmap_get_str(&c->by_peer, peer);

	if (one)
		return one;
	one = xcalloc(1, sizeof(*one) + strlen(peer) + 1);
	memcpy(one->peer, peer, strlen(peer));
	one->host = host_find(c, peer);
	TAILQ_INIT(&one->places);
	(void)hashmap_put(&c->by_peer, one);
	return one;
}

static void release(struct connections *c, struct connection *one)
{
	struct host *h = one->host;

	if (one->n)
		return;
	(void)hashmap_remove(&c->by_peer, one->peer, strlen(one->peer));
	free(one);
	if (h->n)
		return;
	(void)hashmap_remove(&c->hosts, h->name, h->len);
	free(h);
}

/* The connection with the most streams; with host, only of that host. Of equal ones the first by
 * name. */
static struct connection *largest(const struct connections *c, const struct host *host)
{
	struct connection *most = NULL, *one;

	HASHMAP_FOREACH (&c->by_peer, one) {
		if (host && one->host != host)
			continue;
		if (!most || one->n > most->n ||
		    (one->n == most->n && strcmp(one->peer, most->peer) < 0))
			most = one;
	}
	return most;
}

void connections_give_back(struct connections *c, struct connection_place *place)
{
	struct connection *one = TAKE_PTR(place->connection);

	if (!one)
		return;
	TAILQ_REMOVE(&one->places, place, next);
	one->n--;
	one->host->n--;
	c->n--;
	release(c, one);
}

enum connection_answer connections_take(struct connections *c, const char *peer,
					struct connection_place *place,
					struct connection_place **ret_victim)
{
	struct connection *one = find(c, peer), *most = NULL;
	bool host_full = one->host->n >= c->max - c->max / 4;

	*ret_victim = NULL;
	if (one->n >= CONNECTION_STREAMS_MAX)
		return CONNECTION_FULL;
	if (host_full || c->n >= c->max) {
		most = largest(c, host_full ? one->host : NULL);
		/* No other host has more connections, so none is closed for this one. */
		if (most->n <= one->n + 1) {
			release(c, one);
			return CONNECTION_BUSY;
		}
		*ret_victim = TAILQ_LAST(&most->places, connection_places);
	}
	TAILQ_INSERT_TAIL(&one->places, place, next);
	place->connection = one;
	one->n++;
	one->host->n++;
	c->n++;
	return CONNECTION_TAKEN;
}
