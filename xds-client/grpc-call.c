/* A stream by gRPC's C core: one completion queue, and an operation at a time is waited for. Used
 * by portolan-xds-client. */
#include <errno.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "xds-client/grpc-call.h"

#define FILE_MAX (1u << 20)

enum op { OP_START, OP_SEND, OP_RECEIVE, OP_END, OP_N_ };

struct stream {
	grpc_completion_queue *queue;
	grpc_channel *channel;
	grpc_call *call;
	grpc_metadata_array initial, trailing;
	grpc_status_code status;
	grpc_slice details;
	grpc_byte_buffer *received;
	bool done[OP_N_], good[OP_N_], receiving;
	char *error;
};

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	size_t n;

	if (!f) {
		(void)log_error_errno(-errno, "cannot read %s: %m", path);
		return NULL;
	}
	text = xmalloc(FILE_MAX);
	n = fread(text, 1, FILE_MAX - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	return TAKE_PTR(text);
}

static grpc_channel_credentials *make_credentials(const struct grpc_call_options *o)
{
	_cleanup_free_ char *ca = NULL, *cert = NULL, *key = NULL;
	grpc_ssl_pem_key_cert_pair pair;

	if (!o->tls_cert)
		return grpc_insecure_credentials_create();
	ca = read_file(o->tls_ca);
	cert = read_file(o->tls_cert);
	key = read_file(o->tls_key);
	if (!ca || !cert || !key)
		return NULL;
	pair = (grpc_ssl_pem_key_cert_pair){ key, cert };
	return grpc_ssl_credentials_create_ex(ca, &pair, NULL, NULL);
}

static grpc_channel *make_channel(const struct grpc_call_options *o)
{
	grpc_channel_credentials *credentials = make_credentials(o);
	grpc_arg args[] = {
		{ GRPC_ARG_INTEGER,
		  (char *)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
		  { .integer = -1 } },
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_ENABLE_RETRIES, { .integer = 0 } },
		{ GRPC_ARG_STRING,
		  (char *)GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
		  { .string = (char *)o->tls_name } },
	};
	/* The last is for TLS only. */
	grpc_channel_args all = { ARRAY_SIZE(args) - !o->tls_cert, args };
	grpc_channel *channel;

	if (!credentials)
		return NULL;
	channel = grpc_channel_create(o->address, credentials, &all);
	grpc_channel_credentials_release(credentials);
	return channel;
}

static void *tag(enum op op)
{
	return (void *)((uintptr_t)op + 1);
}

static void begin(struct stream *s, enum op op, const grpc_op *ops, size_t n)
{
	s->done[op] = false;
	if (grpc_call_start_batch(s->call, ops, n, tag(op), NULL) != GRPC_CALL_OK)
		s->done[op] = true; /* and not good */
}

struct stream *stream_open(const struct grpc_call_options *o)
{
	grpc_op start[] = { { .op = GRPC_OP_SEND_INITIAL_METADATA },
			    { .op = GRPC_OP_RECV_INITIAL_METADATA } };
	grpc_op end = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT };
	struct stream *s = xnew(struct stream, 1);

	/* A thread of gRPC's pool may outlive main(): OpenSSL must not be taken down under it. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	grpc_init();
	s->channel = make_channel(o);
	if (!s->channel) {
		grpc_shutdown();
		free(s);
		return NULL;
	}
	s->queue = grpc_completion_queue_create_for_next(NULL);
	s->call = grpc_channel_create_call(s->channel, NULL, GRPC_PROPAGATE_DEFAULTS, s->queue,
					   grpc_slice_from_static_string(o->method), NULL,
					   gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	start[1].data.recv_initial_metadata.recv_initial_metadata = &s->initial;
	end.data.recv_status_on_client.trailing_metadata = &s->trailing;
	end.data.recv_status_on_client.status = &s->status;
	end.data.recv_status_on_client.status_details = &s->details;
	begin(s, OP_START, start, ARRAY_SIZE(start));
	begin(s, OP_END, &end, 1);
	return s;
}

/* Until op is done. */
static int wait_for(struct stream *s, enum op op, int64_t deadline)
{
	while (!s->done[op]) {
		int64_t left = deadline - clock_monotonic();
		gpr_timespec until = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
						  gpr_time_from_micros(MAX(left, 0), GPR_TIMESPAN));
		grpc_event e = grpc_completion_queue_next(s->queue, until, NULL);
		uintptr_t which = (uintptr_t)e.tag - 1;

		if (e.type == GRPC_QUEUE_TIMEOUT)
			return -ETIMEDOUT;
		s->done[which] = true;
		s->good[which] = e.success;
	}
	return s->good[op] ? 0 : -EPIPE;
}

int stream_send(struct stream *s, const void *message, size_t n, int64_t deadline)
{
	grpc_slice slice = grpc_slice_from_copied_buffer(message, n);
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_op op = { .op = GRPC_OP_SEND_MESSAGE };

	op.data.send_message.send_message = buffer;
	begin(s, OP_SEND, &op, 1);
	grpc_byte_buffer_destroy(buffer);
	grpc_slice_unref(slice);
	return wait_for(s, OP_SEND, deadline);
}

static int take_received(struct stream *s, struct strbuf *ret)
{
	grpc_byte_buffer_reader reader;
	grpc_slice slice;

	/* No message: the stream has ended. */
	if (!s->received || !grpc_byte_buffer_reader_init(&reader, s->received))
		return -EPIPE;
	slice = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	grpc_byte_buffer_destroy(s->received);
	s->received = NULL;
	strbuf_clear(ret);
	strbuf_add(ret, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
	grpc_slice_unref(slice);
	return 0;
}

int stream_receive(struct stream *s, struct strbuf *ret, int64_t deadline)
{
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };
	int r;

	op.data.recv_message.recv_message = &s->received;
	/* One that has timed out is still under way. */
	if (!s->receiving)
		begin(s, OP_RECEIVE, &op, 1);
	s->receiving = true;
	r = wait_for(s, OP_RECEIVE, deadline);
	if (r == -ETIMEDOUT)
		return r;
	s->receiving = false;
	return r < 0 ? r : take_received(s, ret);
}

const char *stream_error(struct stream *s)
{
	static const char *const names[] = {
		[GRPC_STATUS_OK] = "the server ended the stream",
		[GRPC_STATUS_INVALID_ARGUMENT] = "refused",
		[GRPC_STATUS_RESOURCE_EXHAUSTED] = "the server has no room",
		[GRPC_STATUS_PERMISSION_DENIED] = "not allowed",
		[GRPC_STATUS_UNAVAILABLE] = "not reachable",
		[GRPC_STATUS_UNAUTHENTICATED] = "not allowed",
	};
	const char *name = NULL;

	if (wait_for(s, OP_END, clock_monotonic() + USEC_PER_SEC) == -ETIMEDOUT)
		return "no answer";
	if ((size_t)s->status < ARRAY_SIZE(names))
		name = names[s->status];
	free(s->error);
	s->error = xasprintf("%s: %.*s", name ? name : "failed", (int)GRPC_SLICE_LENGTH(s->details),
			     (const char *)GRPC_SLICE_START_PTR(s->details));
	return s->error;
}

void stream_close(struct stream *s)
{
	const gpr_timespec forever = gpr_inf_future(GPR_CLOCK_MONOTONIC);
	grpc_event next = { .type = GRPC_OP_COMPLETE };

	if (!s)
		return;
	(void)grpc_call_cancel(s->call, NULL);
	grpc_completion_queue_shutdown(s->queue);
	while (next.type != GRPC_QUEUE_SHUTDOWN)
		next = grpc_completion_queue_next(s->queue, forever, NULL);
	if (s->received)
		grpc_byte_buffer_destroy(s->received);
	grpc_slice_unref(s->details);
	grpc_metadata_array_destroy(&s->initial);
	grpc_metadata_array_destroy(&s->trailing);
	grpc_call_unref(s->call);
	grpc_channel_destroy(s->channel);
	grpc_completion_queue_destroy(s->queue);
	grpc_shutdown();
	free(s->error);
	free(s);
}
