/* common/control-wait */
#include <sys/socket.h>
#include <sys/un.h>

#include "common/base/alloc.h"
#include "common/daemon/control-wait.h"
#include "common/daemon/unsent.h"
#include "tests/lib/test.h"

struct world {
	struct event_loop *loop;
	struct control *control;
	struct state *state;
	struct control_wait *wait;
	char dir[32];
	char *path;
};

static void setup(struct world *w)
{
	*w = (struct world){ .dir = "/tmp/control-wait-XXXXXX" };
	CHECK(mkdtemp(w->dir));
	w->path = xasprintf("%s/c", w->dir);
	w->loop = event_loop_new();
	w->state = state_new();
	CHECK_EQ(control_new(w->loop, w->path, &w->control), 0);
	w->wait = control_wait_new(w->loop, w->control, w->state);
}

static void teardown(struct world *w)
{
	control_wait_free(w->wait);
	control_free(w->control);
	event_loop_free(w->loop);
	state_free(w->state);
	CHECK_EQ(rmdir(w->dir), 0);
	free(w->path);
}

static int ask_page(struct world *w, const char *page, const char *query)
{
	_cleanup_free_ char *request = NULL;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", w->path);
	CHECK_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	request = xasprintf("GET %s%s HTTP/1.0\r\n\r\n", page, query);
	CHECK_EQ(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(event_loop_base(w->loop), EVLOOP_NONBLOCK);
	return fd;
}

static int ask(struct world *w, const char *query)
{
	return ask_page(w, "/debug/wait", query);
}

static bool answered(struct world *w, int fd)
{
	char c;

	for (int i = 0; i < 10; i++)
		(void)event_base_loop(event_loop_base(w->loop), EVLOOP_NONBLOCK);
	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void check_answer(struct world *w, int fd, const char *status, const char *body)
{
	char answer[1024] = "";
	size_t n = 0;
	ssize_t r;

	CHECK(answered(w, fd));
	while ((r = read(fd, answer + n, sizeof(answer) - 1 - n)) > 0)
		n += (size_t)r;
	CHECK(strncmp(answer + strlen("HTTP/1.0 "), status, strlen(status)) == 0);
	CHECK(strstr(answer, body) != NULL);
	(void)close(fd);
}

TEST(a_world_that_is_there_is_answered_at_once)
{
	struct world w;

	setup(&w);
	state_commit(w.state, 7);
	check_answer(&w, ask(&w, "?source=7"), "200", "{\"source\":7,\"generation\":1,");
	check_answer(&w, ask(&w, ""), "200", "\"complete\":true");
	teardown(&w);
}

TEST(each_waits_for_its_own_world_and_no_longer)
{
	struct world w;
	int seven, nine;

	setup(&w);
	nine = ask(&w, "?source=9");
	seven = ask(&w, "?source=7");
	CHECK(!answered(&w, seven));
	state_commit(w.state, 6);
	CHECK(!answered(&w, seven));
	state_commit(w.state, 8);
	check_answer(&w, seven, "200", "\"source\":8,");
	CHECK(!answered(&w, nine));
	state_commit(w.state, 9);
	check_answer(&w, nine, "200", "\"source\":9,");
	teardown(&w);
}

static int on_large(void *ctx _unused_, const char *query _unused_, struct strbuf *out)
{
	_cleanup_free_ char *page = xmalloc(UNSENT_MAX + 1);

	memset(page, 'x', UNSENT_MAX + 1);
	strbuf_add(out, page, UNSENT_MAX + 1);
	return 200;
}

TEST(whoever_waited_gets_no_page_while_too_much_is_not_read)
{
	struct world w;
	int before, large;

	setup(&w);
	control_add(w.control, "/debug/large", "application/json", on_large, NULL);
	before = ask(&w, "?source=7");
	large = ask_page(&w, "/debug/large", "");
	CHECK(unsent_bytes() > UNSENT_MAX);
	state_commit(w.state, 7);
	check_answer(&w, before, "503", UNSENT_TEXT);
	(void)close(large);
	/* One that nobody reads any more counts no longer. */
	check_answer(&w, ask(&w, "?source=7"), "200", "\"source\":7,");
	teardown(&w);
}

TEST(an_empty_state_is_not_complete_before_its_first_commit)
{
	struct world w;
	int fd;

	setup(&w);
	fd = ask(&w, "");
	CHECK(!answered(&w, fd));
	state_commit(w.state, 0);
	check_answer(&w, fd, "200", "\"complete\":true");
	teardown(&w);
}

TEST(whoever_waits_too_long_is_told_so)
{
	struct world w;

	setup(&w);
	check_answer(&w, ask(&w, "?source=1&timeout_ms=0"), "504", "\"complete\":false");
	teardown(&w);
}

TEST(who_hangs_up_is_forgotten_and_who_still_waits_at_the_end_is_told)
{
	struct world w;
	char c;
	int fd;

	setup(&w);
	(void)close(ask(&w, "?source=1"));
	fd = ask(&w, "?source=1");
	state_commit(w.state, 0);
	teardown(&w);
	while (read(fd, &c, 1) > 0) /* ends: the connection is closed */
		;
	(void)close(fd);
}

TEST(no_more_than_a_bounded_number_wait)
{
	struct world w;
	int fds[64];

	setup(&w);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = ask(&w, "?source=1");
	check_answer(&w, ask(&w, "?source=1"), "503", "\"complete\":false");
	state_commit(w.state, 1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		check_answer(&w, fds[i], "200", "\"source\":1,");
	teardown(&w);
}
