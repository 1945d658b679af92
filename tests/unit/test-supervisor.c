/* supervisor/: backoff and the parser of notify datagrams */
#include <errno.h>

#include "common/base/clock.h"
#include "supervisor/backoff.h"
#include "supervisor/notify.h"
#include "tests/lib/test.h"

static struct backoff fresh(void)
{
	return (struct backoff){ 100, 1000, 5000, 0 };
}

TEST(delays_double_up_to_the_maximum)
{
	static const int64_t expected[] = { 100, 200, 400, 800, 1000, 1000, 1000 };
	struct backoff b = fresh();

	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		CHECK_EQ(backoff_next(&b, 0, 0), expected[i] - expected[i] / 4);
}

TEST(chance_spreads_a_delay_by_a_quarter_to_both_sides)
{
	int64_t low = INT64_MAX, high = 0;

	for (uint32_t random = 0; random < 1000; random++) {
		struct backoff b = fresh();
		int64_t delay = backoff_next(&b, 0, random);

		low = delay < low ? delay : low;
		high = delay > high ? delay : high;
	}
	CHECK_EQ(low, 75);
	CHECK_EQ(high, 125);
}

TEST(after_a_long_life_there_is_no_delay)
{
	struct backoff b = fresh();

	for (int i = 0; i < 5; i++)
		(void)backoff_next(&b, 4999, 0);
	CHECK_EQ(b.next_usec, 1000);
	CHECK_EQ(backoff_next(&b, 5000, 0), 0);
	CHECK_EQ(backoff_next(&b, 0, 0), 75);
	CHECK_EQ(b.next_usec, 200);
}

static struct notify_message parsed(const char *text)
{
	struct notify_message m;

	CHECK_EQ(notify_parse(text, strlen(text), &m), 0);
	return m;
}

TEST(notify_lines_are_read_in_any_order_and_unknown_ones_skipped)
{
	struct notify_message m = parsed("MAINPID=1\nSTATUS=all is well\nX\nREADY=1\nWATCHDOG=1\n");

	CHECK(m.ready && m.watchdog && m.has_status && !m.stopping && !m.watchdog_trigger);
	CHECK_STR(m.status, "all is well");
	m = parsed("STOPPING=1\nWATCHDOG=trigger");
	CHECK(m.stopping && m.watchdog_trigger && !m.ready && !m.watchdog && !m.has_status);
}

TEST(notify_keys_must_match_wholly)
{
	static const char *const not_ready[] = { "",         "\n\n",      "READY=0", "READY=11",
						 "READY=1 ", " READY=1",  "READY",   "READY=",
						 "xREADY=1", "WATCHDOG=", "STATUS",  "=" };

	for (size_t i = 0; i < sizeof(not_ready) / sizeof(*not_ready); i++) {
		struct notify_message m = parsed(not_ready[i]);

		CHECK(!m.ready && !m.watchdog && !m.has_status);
	}
	CHECK(parsed("STATUS=").has_status);
}

TEST(a_status_is_cut_to_what_we_keep)
{
	char text[3000];
	struct notify_message m;

	memset(text, 's', sizeof(text));
	memcpy(text, "STATUS=", 7);
	CHECK_EQ(notify_parse(text, sizeof(text), &m), 0);
	CHECK_EQ(strlen(m.status), NOTIFY_STATUS_MAX - 1);
}

TEST(a_datagram_with_a_nul_is_refused_and_changes_nothing)
{
	struct notify_message m = { .ready = true };

	CHECK_EQ(notify_parse("STATUS=a\0b", 10, &m), -EBADMSG);
	CHECK(m.ready);
}
