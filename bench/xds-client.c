/* xds-client: what the benchmarks measure at. One process holds one or many delta ADS streams, each
 * on a connection of its own; it subscribes as Envoy does (clusters and listeners by wildcard, and
 * then whatever those name), accepts everything, and prints when what arrived:
 *
 *	first CLIENT USEC KIND              the first answer of that kind
 *	complete CLIENT USEC RESPONSES RESOURCES BYTES
 *	                                    all that --expect asks for is there
 *	response CLIENT USEC KIND RESOURCES REMOVED BYTES
 *	resource CLIENT KIND NAME VERSION BYTES
 *	removed CLIENT KIND NAME            these two: what the response before them holds
 *	ended CLIENT USEC ADDRESS           with --reconnect: the next address is tried, and the
 *	                                    versions that the client holds are told there
 *
 * USEC is CLOCK_MONOTONIC with three decimals, taken when gRPC hands the message over. Until
 * "complete" only "first" is printed, so that printing is no part of what is measured. */
#include <assert.h>
#include <getopt.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/hashmap.h"
#include "common/base/strbuf.h"
#include "common/link/resource-kind.h"
#include "xds.pb-c.h"

#define ADDRESSES_MAX 16
#define METHOD "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

enum op {
	OP_START,
	OP_RECEIVE,
	OP_SEND,
	OP_END,
	OP_N_,
};

struct client;

struct tag {
	struct client *client;
	enum op op;
};

struct name {
	size_t len;
	bool arrived;
	char *version; /* of the received resource; kept with --reconnect only */
	char key[];    /* kind as a byte, then the name, NUL */
};

struct names {
	char **all;
	size_t n, cap;
};

struct ack {
	unsigned kind;
	char *nonce;
};

struct client {
	unsigned number, address;
	grpc_channel *channel;
	grpc_call *call;
	struct tag tags[OP_N_];
	grpc_metadata_array initial, trailing;
	grpc_status_code status;
	grpc_slice details;
	grpc_byte_buffer *received;
	bool sending, node_sent, complete, ended;
	unsigned pending;   /* operations of gRPC's that are under way */
	unsigned next_held; /* the next kind to report; 0: no more */

	struct hashmap known;                    /* struct name */
	struct names wanted[RESOURCE_KIND_MAX_]; /* to subscribe to, not sent yet */
	size_t arrived[RESOURCE_KIND_MAX_];      /* distinct resources */
	bool seen[RESOURCE_KIND_MAX_];
	struct ack *acks;
	size_t n_acks, acks_cap, next_ack;
	uint64_t responses, resources, bytes;
};

struct bytes {
	const uint8_t *p;
	size_t n;
};

static struct {
	char *addresses[ADDRESSES_MAX];
	const char *node;
	unsigned n_addresses, clients;
	bool reconnect;
	size_t expect[RESOURCE_KIND_MAX_];
	bool expecting;
	struct names subscribe[RESOURCE_KIND_MAX_];
} settings = { .node = "bench", .clients = 1 };

static grpc_completion_queue *queue;

static const void *name_key(const void *entry, size_t *ret_len)
{
	const struct name *n = entry;

	*ret_len = n->len;
	return n->key;
}

static double now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
	fprintf(stderr, "xds-client: %s\n", what);
	fflush(stdout);
	_exit(1);
}

/* ---- messages, read in place ---- */

static uint64_t varint(struct bytes *b)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && b->n; shift += 7) {
		uint8_t c = *b->p++;

		b->n--;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return v;
	}
	die("a message that cannot be read");
	return 0;
}

/* The next length-prefixed field; others are skipped. Returns its number, 0 at the end. */
static unsigned field(struct bytes *b, struct bytes *ret)
{
	while (b->n) {
		uint64_t tag = varint(b), n;

		if ((tag & 7) == 0) {
			(void)varint(b);
			continue;
		}
		n = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : varint(b);
		if (n > b->n)
			die("a message that cannot be read");
		*ret = (struct bytes){ b->p, (size_t)n };
		b->p += n;
		b->n -= (size_t)n;
		if ((tag & 7) == 2)
			return (unsigned)(tag >> 3);
	}
	return 0;
}

/* ---- subscriptions ---- */

static struct name *know(struct client *c, unsigned kind, const char *s, size_t n, bool *ret_new)
{
	_cleanup_free_ struct name *e = xmalloc(sizeof(*e) + n + 2);
	struct name *old;

	e->len = n + 1;
	e->arrived = false;
	e->version = NULL;
	e->key[0] = (char)kind;
	memcpy(e->key + 1, s, n);
	e->key[n + 1] = '\0';
	old = hashmap_get(&c->known, e->key, e->len);
	*ret_new = !old;
	if (old)
		return old;
	hashmap_put(&c->known, e);
	return TAKE_PTR(e);
}

static void want(struct client *c, unsigned kind, const char *s, size_t n)
{
	struct names *w = &c->wanted[kind];
	bool is_new;

	(void)know(c, kind, s, n, &is_new);
	if (!is_new)
		return;
	GROW(w->all, w->n, w->cap);
	w->all[w->n++] = xstrndup(s, n);
}

/* Where a resource names another: the fields to go down by (Envoy's listener.proto,
 * http_connection_manager.proto, tls.proto; an Any's value is field 2). */
static const struct {
	unsigned in, kind;
	unsigned path[8];
} references[] = {
	{ RESOURCE_LISTENER, RESOURCE_ROUTE, { 3, 3, 4, 2, 3, 2 } },
	{ RESOURCE_LISTENER, RESOURCE_ROUTE, { 25, 3, 4, 2, 3, 2 } },
	{ RESOURCE_LISTENER, RESOURCE_SECRET, { 3, 6, 3, 2, 1, 6, 1 } },
	{ RESOURCE_LISTENER, RESOURCE_SECRET, { 25, 6, 3, 2, 1, 6, 1 } },
	{ RESOURCE_SCOPED_ROUTE, RESOURCE_ROUTE, { 2 } },
};

static void follow(struct client *c, unsigned kind, struct bytes b, const unsigned *path)
{
	struct bytes f;
	unsigned number;

	if (!*path) {
		want(c, kind, (const char *)b.p, b.n);
		return;
	}
	while ((number = field(&b, &f)))
		if (number == *path)
			follow(c, kind, f, path + 1);
}

/* Cluster.eds_cluster_config.service_name, or else the cluster's name. */
static void follow_cluster(struct client *c, struct bytes b)
{
	struct bytes f, name = { 0 }, service = { 0 };
	bool eds = false;
	unsigned number;

	while ((number = field(&b, &f))) {
		if (number == 1)
			name = f;
		if (number != 3)
			continue;
		eds = true;
		for (struct bytes in = f, g; (number = field(&in, &g));)
			if (number == 2)
				service = g;
	}
	if (eds && service.n)
		want(c, RESOURCE_ENDPOINT, (const char *)service.p, service.n);
	else if (eds)
		want(c, RESOURCE_ENDPOINT, (const char *)name.p, name.n);
}

/* ---- sending ---- */

static void begin(struct client *c, const grpc_op *ops, size_t n, enum op op)
{
	if (grpc_call_start_batch(c->call, ops, n, &c->tags[op], NULL) != GRPC_CALL_OK)
		die("could not use a stream");
	c->pending++;
}

static void send_request(struct client *c,
			 const Envoy__Service__Discovery__V3__DeltaDiscoveryRequest *m)
{
	size_t n = envoy__service__discovery__v3__delta_discovery_request__get_packed_size(m);
	grpc_slice slice = grpc_slice_malloc(n);
	grpc_byte_buffer *buffer;
	grpc_op op = { .op = GRPC_OP_SEND_MESSAGE };

	envoy__service__discovery__v3__delta_discovery_request__pack(m,
								     GRPC_SLICE_START_PTR(slice));
	buffer = grpc_raw_byte_buffer_create(&slice, 1);
	op.data.send_message.send_message = buffer;
	begin(c, &op, 1, OP_SEND);
	c->sending = true;
	grpc_byte_buffer_destroy(buffer);
	grpc_slice_unref(slice);
}

typedef Envoy__Service__Discovery__V3__DeltaDiscoveryRequest__InitialResourceVersionsEntry held;
#define HELD_INIT \
	ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INITIAL_RESOURCE_VERSIONS_ENTRY__INIT

/* The names of a kind that are subscribed to and held, as Envoy reports them on any stream after
 * its first. Wildcard kinds subscribe to "*". False: no names of that kind. The names stay the
 * map's. */
static bool hold(struct client *c, unsigned kind,
		 Envoy__Service__Discovery__V3__DeltaDiscoveryRequest *m)
{
	const struct name *n;
	held *h;

	m->type_url = (char *)resource_kind(kind)->type_url;
	m->resource_names_subscribe = xnew(char *, c->known.n + 1);
	m->initial_resource_versions = xnew(held *, c->known.n + 1);
	HASHMAP_FOREACH (&c->known, n) {
		char *name = (char *)n->key + 1;

		if ((unsigned)n->key[0] != kind)
			continue;
		if ((kind != RESOURCE_CLUSTER && kind != RESOURCE_LISTENER) ||
		    strcmp(name, "*") == 0)
			m->resource_names_subscribe[m->n_resource_names_subscribe++] = name;
		if (!n->version)
			continue;
		h = xnew(held, 1);
		*h = (held)HELD_INIT;
		h->key = name;
		h->value = n->version;
		m->initial_resource_versions[m->n_initial_resource_versions++] = h;
	}
	return m->n_resource_names_subscribe;
}

static void introduce(struct client *c, Envoy__Service__Discovery__V3__DeltaDiscoveryRequest *m)
{
	Envoy__Service__Discovery__V3__Node node = ENVOY__SERVICE__DISCOVERY__V3__NODE__INIT;

	node.id = (char *)settings.node;
	node.cluster = (char *)"bench";
	if (!c->node_sent)
		m->node = &node;
	c->node_sent = true;
	send_request(c, m);
	m->node = NULL;
}

/* On a stream after the first: a kind's names and versions, if there are kinds left. */
static bool send_held(struct client *c)
{
	while (c->next_held && c->next_held < RESOURCE_KIND_MAX_) {
		Envoy__Service__Discovery__V3__DeltaDiscoveryRequest m =
			ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INIT;
		unsigned kind = c->next_held++;
		bool some = resource_kind(kind) && hold(c, kind, &m);

		if (some)
			introduce(c, &m);
		for (size_t i = 0; i < m.n_initial_resource_versions; i++)
			free(m.initial_resource_versions[i]);
		free(m.initial_resource_versions);
		free(m.resource_names_subscribe);
		if (some)
			return true;
	}
	c->next_held = 0;
	return false;
}

/* Sends the next request, if any: an ACK with the new names of that kind, or only the names. */
static void send_next(struct client *c)
{
	Envoy__Service__Discovery__V3__DeltaDiscoveryRequest m =
		ENVOY__SERVICE__DISCOVERY__V3__DELTA_DISCOVERY_REQUEST__INIT;
	struct ack *ack = c->next_ack < c->n_acks ? &c->acks[c->next_ack] : NULL;
	unsigned kind = ack ? ack->kind : 1;
	struct names *w;

	if (c->sending || send_held(c))
		return;
	while (!ack && kind < RESOURCE_KIND_MAX_ && !c->wanted[kind].n)
		kind++;
	if (kind == RESOURCE_KIND_MAX_)
		return;
	w = &c->wanted[kind];
	m.type_url = (char *)resource_kind(kind)->type_url;
	m.resource_names_subscribe = w->all;
	m.n_resource_names_subscribe = w->n;
	if (ack)
		m.response_nonce = ack->nonce;
	introduce(c, &m);
	for (size_t i = 0; i < w->n; i++)
		free(w->all[i]);
	w->n = 0;
	if (!ack)
		return;
	free(ack->nonce);
	if (++c->next_ack == c->n_acks)
		c->next_ack = c->n_acks = 0;
}

/* ---- receiving ---- */

static void check_complete(struct client *c, double at)
{
	if (c->complete)
		return;
	for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++)
		if (c->arrived[k] < settings.expect[k])
			return;
	c->complete = true;
	printf("complete %u %.3f %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", c->number, at,
	       c->responses, c->resources, c->bytes);
}

static void on_resource(struct client *c, unsigned kind, struct bytes b, struct strbuf *lines)
{
	struct bytes f, name = { 0 }, version = { 0 }, value = { 0 };
	struct name *n;
	unsigned number;
	bool is_new;

	while ((number = field(&b, &f))) {
		if (number == 1)
			version = f;
		else if (number == 3)
			name = f;
		else if (number != 2)
			continue;
		for (struct bytes g; number == 2 && f.n;)
			if (field(&f, &g) == 2)
				value = g;
	}
	n = know(c, kind, (const char *)name.p, name.n, &is_new);
	if (!n->arrived)
		c->arrived[kind]++;
	n->arrived = true;
	if (settings.reconnect) {
		free(n->version);
		n->version = xstrndup((const char *)version.p, version.n);
	}
	c->resources++;
	if (kind == RESOURCE_CLUSTER)
		follow_cluster(c, value);
	for (size_t i = 0; i < ARRAY_SIZE(references); i++)
		if (references[i].in == kind)
			follow(c, references[i].kind, value, references[i].path);
	if (c->complete)
		strbuf_printf(lines, "resource %u %s %s %.*s %zu\n", c->number,
			      resource_kind(kind)->name, n->key + 1, (int)version.n,
			      (const char *)version.p, value.n);
}

static void on_removed(struct client *c, unsigned kind, struct bytes b, struct strbuf *lines)
{
	struct name *n;
	bool is_new;

	/* Forgets it, so that it is requested again when it is named again. */
	n = know(c, kind, (const char *)b.p, b.n, &is_new);
	if (n->arrived)
		c->arrived[kind]--;
	if (c->complete)
		strbuf_printf(lines, "removed %u %s %s\n", c->number, resource_kind(kind)->name,
			      n->key + 1);
	(void)hashmap_remove(&c->known, n->key, n->len);
	free(n->version);
	free(n);
}

static void on_response(struct client *c, struct bytes all, double at)
{
	_cleanup_strbuf_ struct strbuf lines = STRBUF_INIT;
	_cleanup_free_ char *url = NULL;
	struct bytes b = all, f;
	size_t resources = 0, removed = 0;
	bool was_complete = c->complete;
	unsigned number, kind;
	char *nonce = NULL;

	while ((number = field(&b, &f))) {
		if (number == 4 && !url)
			url = xstrndup((const char *)f.p, f.n);
		else if (number == 5 && !nonce)
			nonce = xstrndup((const char *)f.p, f.n);
	}
	kind = url ? resource_kind_of_url(url) : 0;
	if (!kind || !nonce)
		die("an answer of a type that was not asked for, or without a nonce");
	for (b = all; (number = field(&b, &f));) {
		if (number == 2 && ++resources)
			on_resource(c, kind, f, &lines);
		else if (number == 6 && ++removed)
			on_removed(c, kind, f, &lines);
	}
	c->responses++;
	c->bytes += all.n;
	if (!c->seen[kind])
		printf("first %u %.3f %s\n", c->number, at, resource_kind(kind)->name);
	c->seen[kind] = true;
	if (was_complete)
		printf("response %u %.3f %s %zu %zu %zu\n%s", c->number, at,
		       resource_kind(kind)->name, resources, removed, all.n, strbuf_str(&lines));
	check_complete(c, at);
	GROW(c->acks, c->n_acks, c->acks_cap);
	c->acks[c->n_acks++] = (struct ack){ kind, nonce };
	send_next(c);
}

static void receive(struct client *c)
{
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };

	op.data.recv_message.recv_message = &c->received;
	begin(c, &op, 1, OP_RECEIVE);
}

static void on_received(struct client *c, double at)
{
	grpc_byte_buffer_reader reader;
	grpc_slice slice;

	/* No message: the stream has ended, and OP_END says why. */
	if (!c->received)
		return;
	if (!grpc_byte_buffer_reader_init(&reader, c->received))
		die("a message that cannot be read");
	slice = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	grpc_byte_buffer_destroy(c->received);
	c->received = NULL;
	on_response(c, (struct bytes){ GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice) }, at);
	grpc_slice_unref(slice);
	receive(c);
}

/* ---- streams ---- */

static void subscribe_first(struct client *c)
{
	want(c, RESOURCE_CLUSTER, "*", 1);
	want(c, RESOURCE_LISTENER, "*", 1);
	for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++)
		for (size_t i = 0; i < settings.subscribe[k].n; i++)
			want(c, k, settings.subscribe[k].all[i],
			     strlen(settings.subscribe[k].all[i]));
}

static void start_stream(struct client *c)
{
	grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
	/* A connection for each; the plaintext route table of a large fleet is a large message, and
	 * the window is Envoy's (16 MiB), so that it arrives here as it would there. */
	grpc_arg args[] = {
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, { .integer = 1 } },
		{ GRPC_ARG_INTEGER,
		  (char *)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
		  { .integer = -1 } },
		{ GRPC_ARG_INTEGER,
		  (char *)GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
		  { .integer = 16 << 20 } },
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_ENABLE_RETRIES, { .integer = 0 } },
	};
	grpc_channel_args channel_args = { ARRAY_SIZE(args), args };
	grpc_op ops[] = { { .op = GRPC_OP_SEND_INITIAL_METADATA,
			    .flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY },
			  { .op = GRPC_OP_RECV_INITIAL_METADATA } };
	grpc_op end = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT };

	c->channel =
		grpc_channel_create(settings.addresses[c->address], credentials, &channel_args);
	grpc_channel_credentials_release(credentials);
	c->call = grpc_channel_create_call(c->channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
					   grpc_slice_from_static_string(METHOD), NULL,
					   gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	ops[1].data.recv_initial_metadata.recv_initial_metadata = &c->initial;
	end.data.recv_status_on_client.trailing_metadata = &c->trailing;
	end.data.recv_status_on_client.status = &c->status;
	end.data.recv_status_on_client.status_details = &c->details;
	begin(c, ops, 2, OP_START);
	begin(c, &end, 1, OP_END);
	receive(c);
	send_next(c);
}

static void start(struct client *c, unsigned number)
{
	c->number = number;
	c->address = number % settings.n_addresses;
	c->complete = !settings.expecting;
	c->known = HASHMAP_INIT(name_key);
	for (unsigned i = 0; i < OP_N_; i++)
		c->tags[i] = (struct tag){ c, (enum op)i };
	subscribe_first(c);
	start_stream(c);
}

/* Connects to the next address. All known names were subscribed to, or were about to be. */
static void start_again(struct client *c)
{
	grpc_call_unref(c->call);
	grpc_channel_destroy(c->channel);
	grpc_metadata_array_destroy(&c->initial);
	grpc_metadata_array_destroy(&c->trailing);
	grpc_slice_unref(c->details);
	c->initial = c->trailing = (grpc_metadata_array){ 0 };
	for (; c->next_ack < c->n_acks; c->next_ack++)
		free(c->acks[c->next_ack].nonce);
	c->next_ack = c->n_acks = 0;
	for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++)
		while (c->wanted[k].n)
			free(c->wanted[k].all[--c->wanted[k].n]);
	c->node_sent = c->ended = c->sending = false;
	c->next_held = 1;
	c->address = (c->address + 1) % settings.n_addresses;
	start_stream(c);
}

static void on_end(struct client *c, double at)
{
	_cleanup_free_ char *why = NULL;
	_cleanup_free_ char *text = NULL;

	c->ended = true;
	if (settings.reconnect) {
		printf("ended %u %.3f %s\n", c->number, at, settings.addresses[c->address]);
		return;
	}
	why = xstrndup((const char *)GRPC_SLICE_START_PTR(c->details),
		       GRPC_SLICE_LENGTH(c->details));
	text = xasprintf("stream %u ended: status %d, %s", c->number, (int)c->status, why);
	die(text);
}

static void handle(const struct tag *t, bool ok, double at)
{
	struct client *c = t->client;

	c->pending--;
	switch (t->op) {
	case OP_RECEIVE:
		on_received(c, at);
		break;
	case OP_SEND:
		c->sending = false;
		if (ok && !c->ended)
			send_next(c);
		break;
	case OP_END:
		on_end(c, at);
		break;
	default:
		break;
	}
	if (c->ended && !c->pending)
		start_again(c);
}

/* KIND=WORD */
static unsigned parse_kind(char *arg, char **ret_word)
{
	char *equals = strchr(arg, '=');

	if (equals) {
		*equals = '\0';
		*ret_word = equals + 1;
		for (unsigned k = 1; k < RESOURCE_KIND_MAX_; k++)
			if (resource_kind(k) && strcmp(resource_kind(k)->name, arg) == 0)
				return k;
	}
	die("expected KIND=…, with a kind as in common/link/resource-kind.c");
	return 0;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "address", required_argument, NULL, 'a' },
		{ "reconnect", no_argument, NULL, 'r' },
		{ "clients", required_argument, NULL, 'c' },
		{ "node-id", required_argument, NULL, 'n' },
		{ "expect", required_argument, NULL, 'e' },
		{ "subscribe", required_argument, NULL, 's' },
		{ 0 },
	};
	struct names *names;
	unsigned kind;
	char *word;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'a':
			if (settings.n_addresses == ADDRESSES_MAX)
				die("too many addresses");
			settings.addresses[settings.n_addresses++] = optarg;
			break;
		case 'r':
			settings.reconnect = true;
			break;
		case 'c':
			settings.clients = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			settings.node = optarg;
			break;
		case 'e':
			kind = parse_kind(optarg, &word);
			settings.expect[kind] = strtoul(word, NULL, 10);
			settings.expecting = true;
			break;
		case 's':
			names = &settings.subscribe[parse_kind(optarg, &word)];
			GROW(names->all, names->n, names->cap);
			names->all[names->n++] = word;
			break;
		default:
			exit(2);
		}
	}
	if (!settings.n_addresses || optind < argc || !settings.clients)
		die("usage: xds-client --address HOST:PORT... [--reconnect] [--clients N] "
		    "[--node-id ID] [--expect KIND=COUNT]... [--subscribe KIND=NAME]...");
}

/* Until killed, or until a stream ends. */
int main(int argc, char **argv)
{
	struct client *clients;

	parse(argc, argv);
	grpc_init();
	queue = grpc_completion_queue_create_for_next(NULL);
	clients = xnew(struct client, settings.clients);
	for (unsigned i = 0; i < settings.clients; i++)
		start(&clients[i], i);
	for (;;) {
		grpc_event event = grpc_completion_queue_next(
			queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);

		assert(event.type == GRPC_OP_COMPLETE);
		handle(event.tag, event.success, now_usec());
		fflush(stdout);
	}
}
