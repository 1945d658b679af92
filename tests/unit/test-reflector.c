/* watcher/kube/reflector.c: its requests, and the effects of the answers, against a script */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/alloc.h"
#include "tests/lib/test.h"
#include "watcher/kube/reflector.h"

/* One request at a time; the test writes the answers. */
struct rig {
	struct event_loop *loop;
	struct reflector *reflector;
	struct http_request request;
	char *path;
	bool asked;
	unsigned requests;
	struct strbuf seen; /* the calls to the owner */
};

static void put(struct rig *g, char what, const struct kube_payload *o)
{
	struct json_object *name;

	CHECK(json_object_object_get_ex(o->json, "name", &name));
	strbuf_printf(&g->seen, "%c%s ", what, json_object_get_string(name));
}

static void on_list_begins(void *ctx)
{
	strbuf_puts(&((struct rig *)ctx)->seen, "[ ");
}

static int on_object(void *ctx, const struct kube_payload *o)
{
	put(ctx, '+', o);
	return 0;
}

static int on_deleted(void *ctx, const struct kube_payload *o)
{
	put(ctx, '-', o);
	return 0;
}

static void on_listed(void *ctx)
{
	strbuf_puts(&((struct rig *)ctx)->seen, "] ");
}

static void on_absent(void *ctx)
{
	strbuf_puts(&((struct rig *)ctx)->seen, "absent ");
}

static const struct reflector_ops ops = {
	.list_begins = on_list_begins,
	.object = on_object,
	.deleted = on_deleted,
	.listed = on_listed,
	.absent = on_absent,
};

static struct http_call *on_send(void *ctx, const struct http_request *request)
{
	struct rig *g = ctx;

	CHECK(!g->asked);
	g->asked = true;
	g->requests++;
	g->request = *request;
	free(g->path);
	g->path = xstrdup(request->path);
	return (struct http_call *)g;
}

static void on_cancel(void *ctx, struct http_call *call _unused_)
{
	((struct rig *)ctx)->asked = false;
}

static struct rig *rig_of(bool first_in_chunks)
{
	struct rig *g = xnew(struct rig, 1);
	struct reflector_config config = REFLECTOR_CONFIG_DEFAULT;

	g->loop = event_loop_new();
	config.loop = g->loop;
	config.transport = (struct reflector_transport){ on_send, on_cancel, g };
	config.name = "Thing";
	config.path = "/apis/example.org/v1/things";
	config.selector = "fieldSelector=x";
	config.limits.message = 4096;
	config.backoff_min_usec = 1000;
	config.backoff_max_usec = 4000;
	config.absent_usec = 1000;
	config.watch_short_usec = 50000;
	config.first_in_chunks = first_in_chunks;
	config.ops = &ops;
	config.ctx = g;
	g->reflector = reflector_new(&config);
	return g;
}

static struct rig *rig_new(void)
{
	return rig_of(false);
}

static void rig_free(struct rig *g)
{
	reflector_free(g->reflector);
	event_loop_free(g->loop);
	strbuf_done(&g->seen);
	free(g->path);
	free(g);
}
DEFINE_CLEANUP(struct rig *, rig_free)

/* The next request's path and query must contain all of the words, in their order. */
static void expect(struct rig *g, const char *const *words)
{
	const char *at;

	while (!g->asked)
		CHECK_EQ(event_base_loop(event_loop_base(g->loop), EVLOOP_ONCE), 0);
	at = g->path;
	for (; *words; words++) {
		at = strstr(at, *words);
		if (!at)
			(void)fprintf(stderr, "no \"%s\" in %s\n", *words, g->path);
		CHECK(at);
	}
	CHECK(strstr(g->path, "fieldSelector=x"));
}
#define EXPECT(g, ...) expect((g), (const char *const[]){ __VA_ARGS__, NULL })
#define EXPECT_STREAM(g) \
	EXPECT(g, "/apis/example.org/v1/things?watch=true", "sendInitialEvents=true")

static void check_not(struct rig *g, const char *word)
{
	CHECK(!strstr(g->path, word));
}

static void head(struct rig *g)
{
	CHECK_EQ(g->request.response(g->request.ctx, 200, "application/json"), 0);
}

static int data(struct rig *g, const char *text)
{
	return g->request.data(g->request.ctx, (const uint8_t *)text, strlen(text));
}

/* The answer begins with this text. */
static void answer(struct rig *g, const char *text)
{
	head(g);
	CHECK_EQ(data(g, text), 0);
}

static void end(struct rig *g, int error, unsigned status, const char *body)
{
	struct http_result r = { .error = error,
				 .message = "broken",
				 .status = status,
				 .content_type = "application/json",
				 .body = body,
				 .body_len = strlen(body) };

	g->asked = false;
	g->request.done(g->request.ctx, &r);
}

static void reported(struct rig *g, const char *wanted)
{
	CHECK_STR(strbuf_str(&g->seen), wanted);
	strbuf_clear(&g->seen);
}

#define OBJECT(name, version) \
	"{\"name\":\"" name "\",\"metadata\":{\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, name, version) "{\"type\":\"" type "\",\"object\":" OBJECT(name, version) "}\n"
#define LISTED(version)                                                                   \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" version \
	"\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"
#define GONE                                                                                       \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}" \
	"}\n"

static struct rig *watching(void)
{
	struct rig *g = rig_new();

	EXPECT_STREAM(g);
	answer(g, EVENT("ADDED", "a", "5") EVENT("ADDED", "b", "3"));
	CHECK(!reflector_synced(g->reflector));
	CHECK_EQ(data(g, LISTED("7")), 0);
	CHECK(reflector_synced(g->reflector));
	CHECK_EQ(reflector_state(g->reflector), REFLECTOR_WATCHING);
	reported(g, "[ +a +b ] ");
	return g;
}

TEST(a_streamed_list_is_complete_at_its_bookmark_and_goes_on_as_a_watch)
{
	_cleanup_(rig_freep) struct rig *g = watching();

	CHECK_EQ(data(g, EVENT("MODIFIED", "a", "8") EVENT("DELETED", "b", "9")), 0);
	reported(g, "+a -b ");
	CHECK_EQ(g->requests, 1);
}

TEST(a_watch_goes_on_where_it_was_and_tells_nothing_twice)
{
	_cleanup_(rig_freep) struct rig *g = watching();

	CHECK_EQ(data(g, EVENT("ADDED", "c", "12")), 0);
	reported(g, "+c ");
	end(g, -ECONNRESET, 200, "");
	/* Is it the same history? */
	EXPECT(g, "things?limit=1");
	answer(g, "{\"metadata\":{\"resourceVersion\":\"14\"},\"items\":[" OBJECT("a", "5") "]}");
	end(g, 0, 200, "");
	EXPECT(g, "watch=true", "resourceVersion=12");
	check_not(g, "sendInitialEvents");
	answer(g, EVENT("ADDED", "d", "13"));
	reported(g, "+d ");
	CHECK_EQ(reflector_counters(g->reflector)->relists, 0);
}

TEST(a_bookmark_moves_the_version_to_watch_from)
{
	_cleanup_(rig_freep) struct rig *g = watching();

	CHECK_EQ(data(g, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":"
			 "\"99\"}}}"),
		 0);
	end(g, -ECONNRESET, 200, "");
	EXPECT(g, "limit=1");
	answer(g, "{\"metadata\":{\"resourceVersion\":\"99\"},\"items\":[]}");
	end(g, 0, 200, "");
	EXPECT(g, "watch=true", "resourceVersion=99");
	reported(g, "");
}

TEST(a_server_whose_history_is_behind_ours_is_listed_again)
{
	_cleanup_(rig_freep) struct rig *g = watching();

	end(g, -ECONNRESET, 200, "");
	EXPECT(g, "limit=1");
	answer(g, "{\"metadata\":{\"resourceVersion\":\"6\"},\"items\":[]}");
	end(g, 0, 200, "");
	EXPECT_STREAM(g);
	answer(g, EVENT("ADDED", "a", "2") LISTED("6"));
	reported(g, "[ +a ] ");
	CHECK_EQ(reflector_counters(g->reflector)->relists, 1);
}

TEST(an_expired_version_is_listed_again_in_answer_and_in_stream)
{
	_cleanup_(rig_freep) struct rig *g = watching();

	CHECK(data(g, GONE) < 0);
	end(g, -ECANCELED, 200, "");
	EXPECT_STREAM(g);
	answer(g, LISTED("20"));
	reported(g, "[ ] ");
	end(g, -ECONNRESET, 200, "");
	EXPECT(g, "limit=1");
	answer(g, "{\"metadata\":{\"resourceVersion\":\"21\"}}");
	end(g, 0, 200, "");
	EXPECT(g, "watch=true", "resourceVersion=20");
	end(g, 0, 410, "{\"kind\":\"Status\",\"code\":410}");
	EXPECT_STREAM(g);
	CHECK(reflector_synced(g->reflector));
}

TEST(a_server_that_cannot_stream_is_asked_for_chunks)
{
	_cleanup_(rig_freep) struct rig *g = rig_new();

	EXPECT_STREAM(g);
	end(g, 0, 422, "{\"kind\":\"Status\",\"reason\":\"Invalid\"}");
	EXPECT(g, "things?limit=500");
	answer(g,
	       "{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"a+b\"},\"items\":[" OBJECT(
		       "a", "1") "]}");
	end(g, 0, 200, "");
	CHECK(!reflector_synced(g->reflector));
	EXPECT(g, "limit=500&continue=a%2Bb");
	answer(g, "{\"items\":[" OBJECT("b", "2") "],\"metadata\":{\"resourceVersion\":\"7\"}}");
	end(g, 0, 200, "");
	reported(g, "[ [ +a +b ] ");
	EXPECT(g, "watch=true", "resourceVersion=7");
	check_not(g, "sendInitialEvents");
	/* And from then on. */
	end(g, 0, 410, "");
	EXPECT(g, "things?limit=500");
}

TEST(a_first_list_may_be_asked_for_in_chunks_and_the_next_is_streamed)
{
	_cleanup_(rig_freep) struct rig *g = rig_of(true);

	EXPECT(g, "things?limit=500");
	answer(g, "{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"t\"},\"items\":[" OBJECT(
			  "a", "1") "]}");
	end(g, 0, 200, "");
	EXPECT(g, "limit=500&continue=t");
	/* A broken request is repeated unchanged. */
	end(g, -ECONNRESET, 200, "");
	EXPECT(g, "things?limit=500");
	check_not(g, "continue");
	answer(g, "{\"metadata\":{\"resourceVersion\":\"8\"},\"items\":[" OBJECT("b", "2") "]}");
	end(g, 0, 200, "");
	reported(g, "[ +a [ +b ] ");
	EXPECT(g, "watch=true", "resourceVersion=8");
	check_not(g, "sendInitialEvents");
	end(g, 0, 410, "");
	EXPECT_STREAM(g);
}

TEST(a_first_list_in_chunks_is_streamed_where_its_tokens_expire)
{
	_cleanup_(rig_freep) struct rig *g = rig_of(true);

	for (int i = 0; i < 2; i++) {
		EXPECT(g, "things?limit=500");
		answer(g, "{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"t\"},\"items\":"
			  "[" OBJECT("a", "1") "]}");
		end(g, 0, 200, "");
		EXPECT(g, "continue=t");
		end(g, 0, 410, "");
	}
	EXPECT_STREAM(g);
	answer(g, EVENT("ADDED", "a", "5") LISTED("7"));
	reported(g, "[ +a [ +a [ +a ] ");
}

TEST(a_continue_token_that_expires_begins_the_list_again)
{
	_cleanup_(rig_freep) struct rig *g = rig_new();

	EXPECT_STREAM(g);
	end(g, 0, 400, "");
	for (int i = 0; i < 2; i++) {
		EXPECT(g, "things?limit=500");
		check_not(g, "continue");
		answer(g, "{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"t\"},\"items\":"
			  "[" OBJECT("a", "1") "]}");
		end(g, 0, 200, "");
		EXPECT(g, "continue=t");
		end(g, 0, 410, "");
	}
	EXPECT(g, "things?");
	check_not(g, "limit");
	reported(g, "[ [ +a [ +a [ ");
}

TEST(a_kind_that_is_not_there_is_waited_for_and_found)
{
	_cleanup_(rig_freep) struct rig *g = rig_new();

	for (int i = 0; i < 3; i++) {
		EXPECT_STREAM(g);
		CHECK_EQ(reflector_synced(g->reflector), i > 0);
		end(g, 0, 404, "404 page not found");
		CHECK_EQ(reflector_state(g->reflector), REFLECTOR_ABSENT);
		CHECK(!reflector_problem(g->reflector));
		reported(g, "[ absent ");
	}
	EXPECT_STREAM(g);
	answer(g, EVENT("ADDED", "a", "5") LISTED("7"));
	reported(g, "[ +a ] ");
	CHECK_EQ(reflector_state(g->reflector), REFLECTOR_WATCHING);
}

TEST(a_kind_that_was_there_is_not_given_up_at_once)
{
	_cleanup_(rig_freep) struct rig *g = watching();

	end(g, -ECONNRESET, 200, "");
	EXPECT(g, "limit=1");
	for (int i = 0; i < 2; i++) {
		end(g, 0, 404, "");
		EXPECT_STREAM(g);
	}
	reported(g, "[ [ ");
	end(g, 0, 404, "");
	reported(g, "absent ");
}

TEST(refusals_are_problems_that_go_away)
{
	_cleanup_(rig_freep) struct rig *g = rig_new();

	EXPECT_STREAM(g);
	end(g, 0, 403, "{\"kind\":\"Status\",\"message\":\"things is forbidden\"}");
	CHECK(reflector_denied(g->reflector));
	CHECK_STR(reflector_problem(g->reflector), "not allowed (RBAC): things is forbidden");
	CHECK(!reflector_synced(g->reflector));
	EXPECT_STREAM(g);
	end(g, 0, 503, "<html>");
	CHECK_STR(reflector_problem(g->reflector), "the API server answers 503: <html>");
	CHECK(!reflector_denied(g->reflector));
	EXPECT_STREAM(g);
	answer(g, LISTED("7"));
	CHECK(!reflector_problem(g->reflector));
	CHECK_EQ(reflector_counters(g->reflector)->failures, 2);
}

TEST(a_quiet_watch_that_goes_on_ends_what_was_wrong_before_it)
{
	_cleanup_(rig_freep) struct rig *g = watching();

	end(g, -ECONNRESET, 200, "");
	CHECK_STR(reflector_problem(g->reflector), "broken");
	EXPECT(g, "limit=1");
	answer(g, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}");
	end(g, 0, 200, "");
	EXPECT(g, "watch=true", "resourceVersion=7");
	end(g, 0, 403, "{\"kind\":\"Status\",\"message\":\"not yet\"}");
	EXPECT(g, "watch=true", "resourceVersion=7");
	/* One that ends at once ends nothing. */
	head(g);
	end(g, 0, 200, "");
	CHECK_STR(reflector_problem(g->reflector), "the API server ended the watch at once");
	EXPECT(g, "limit=1");
	answer(g, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}");
	end(g, 0, 200, "");
	EXPECT(g, "watch=true", "resourceVersion=7");
	CHECK(reflector_problem(g->reflector));
	head(g);
	while (reflector_problem(g->reflector))
		CHECK_EQ(event_base_loop(event_loop_base(g->loop), EVLOOP_ONCE), 0);
	CHECK(!reflector_denied(g->reflector));
	CHECK(g->asked);
	CHECK_EQ(reflector_state(g->reflector), REFLECTOR_WATCHING);
}

TEST(garbage_changes_nothing_and_is_asked_for_again)
{
	_cleanup_(rig_freep) struct rig *g = watching();
	static const char *const garbage[] = {
		"<html>",
		"{\"type\":\"ADDED\"}",
		"{\"type\":\"NEWS\",\"object\":{}}",
		"{\"type\":\"ADDED\",,}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		int r = data(g, garbage[i]);

		CHECK_EQ(r, -EBADMSG);
		end(g, r, 200, "");
		CHECK(reflector_problem(g->reflector));
		EXPECT(g, "limit=1");
		answer(g, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}");
		end(g, 0, 200, "");
		EXPECT(g, "watch=true", "resourceVersion=7");
		head(g);
	}
	reported(g, "");
	CHECK(reflector_synced(g->reflector));
}

TEST(a_content_type_that_was_not_asked_for_is_refused)
{
	_cleanup_(rig_freep) struct rig *g = rig_new();

	EXPECT_STREAM(g);
	CHECK_EQ(g->request.response(g->request.ctx, 200, "text/html"), -EPROTOTYPE);
	end(g, -EPROTOTYPE, 200, "");
	CHECK(strstr(reflector_problem(g->reflector), "Content-Type"));
	EXPECT_STREAM(g);
	CHECK_EQ(g->request.response(g->request.ctx, 200, "application/vnd.kubernetes.protobuf"),
		 -EPROTOTYPE);
	end(g, -EPROTOTYPE, 200, "");
	EXPECT_STREAM(g);
	CHECK_EQ(g->request.response(g->request.ctx, 200, "application/json; charset=utf-8"), 0);
}

TEST(an_endless_line_ends_the_watch_and_keeps_what_there_is)
{
	_cleanup_(rig_freep) struct rig *g = watching();
	int r = data(g, "{\"type\":\"ADDED\",\"object\":{\"name\":\"");

	for (int i = 0; i < 1000 && r == 0; i++)
		r = data(g, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	CHECK_EQ(r, -EMSGSIZE);
	end(g, r, 200, "");
	reported(g, "");
	EXPECT(g, "limit=1");
}

TEST(a_list_that_ends_early_is_not_complete)
{
	_cleanup_(rig_freep) struct rig *g = rig_new();

	/* After two refusals the server counts as unable to stream lists. */
	for (int i = 0; i < 2; i++) {
		EXPECT_STREAM(g);
		answer(g, EVENT("ADDED", "a", "5"));
		end(g, 0, 200, "");
		CHECK(!reflector_synced(g->reflector));
	}
	EXPECT(g, "things?limit=500");
	answer(g, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" OBJECT("a", "1"));
	end(g, 0, 200, "");
	CHECK(!reflector_synced(g->reflector));
	reported(g, "[ +a [ +a [ +a ");
	EXPECT(g, "things?limit=500");
}
