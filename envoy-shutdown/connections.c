/* Counts connections of clients from Envoy's statistics. Used by portolan-envoy-shutdown. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "envoy-shutdown/connections.h"

#define VALUE ".downstream_cx_active"

/* The listeners that translator/envoy/envoy-admin.c makes. */
static const char *const own_pages[] = { "stats-health", "stats", "health", "health-om-enforced",
					 "envoy-admin" };

static size_t line_length(const char *line)
{
	return strcspn(line, "\r\n");
}

static const char *next_line(const char *line)
{
	line += line_length(line);
	return line + strspn(line, "\r\n");
}

static bool is_own_page(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_pages); i++)
		if (strlen(own_pages[i]) == n && memcmp(own_pages[i], name, n) == 0)
			return true;
	return false;
}

/* Envoy names a listener's statistics after its address, with '_' for each ':'. */
static bool same_address(const char *address, size_t n, const char *in_stat, size_t m)
{
	if (n != m)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((address[i] == ':' ? '_' : address[i]) != in_stat[i])
			return false;
	return true;
}

static bool belongs_to_own_page(const char *listeners, const char *in_stat, size_t n)
{
	for (const char *line = listeners; *line; line = next_line(line)) {
		size_t len = line_length(line);
		const char *colons = memmem(line, len, "::", 2);

		if (colons && is_own_page(line, (size_t)(colons - line)) &&
		    same_address(colons + 2, (size_t)(line + len - colons) - 2, in_stat, n))
			return true;
	}
	return false;
}

/* The address in "listener.ADDRESS.downstream_cx_active: N", if the line is of that form. Each
 * thread's share has a line of its own, which is left out. */
static const char *address_in(const char *line, size_t len, size_t *ret_n)
{
	const char *begin = line + strlen("listener."), *end;

	if (strncmp(line, "listener.", strlen("listener.")) != 0)
		return NULL;
	end = memmem(begin, (size_t)(line + len - begin), VALUE ": ", strlen(VALUE ": "));
	if (!end || memmem(begin, (size_t)(end - begin), ".worker_", 8) ||
	    memmem(begin, (size_t)(end - begin), ".main_thread", 12))
		return NULL;
	*ret_n = (size_t)(end - begin);
	return begin;
}

uint64_t connections_count(const char *listeners, const char *stats)
{
	uint64_t sum = 0;

	for (const char *line = stats; *line; line = next_line(line)) {
		size_t n, len = line_length(line);
		const char *address = address_in(line, len, &n);

		if (!address || (n == 5 && memcmp(address, "admin", 5) == 0) ||
		    belongs_to_own_page(listeners, address, n))
			continue;
		sum += strtoull(address + n + strlen(VALUE ": "), NULL, 10);
	}
	return sum;
}
