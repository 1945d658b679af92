/* Log lines: text or JSON on stderr, structured fields in the journal. One line per failure,
 * written by the caller that knows the purpose; common/ itself logs at debug only. Never log a
 * Secret's data, or an error_detail of Envoy unchanged. */
#pragma once

#include <errno.h>
#include <syslog.h>

#include "common/base/cleanup.h"

enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
	LOG_FORMAT_JOURNAL,
};

/* name: the process ("watcher"). Text on stderr, or the journal where stderr is connected to it. */
void log_init(const char *name);
/* "text", "json" or "journal"; "debug", "info", "warning" or "error". -EINVAL for other words. */
int log_set_format(const char *word);
int log_set_level(const char *word);
int log_level(void);

/* Keys are lower-case words; a NULL value leaves the field out. The last has a NULL key. */
struct log_field {
	const char *key;
	const char *value;
};

void log_write(int level, const struct log_field *fields, const char *fmt, ...) _printf_(3, 4);

#define log_full(level, ...) \
	((level) <= log_level() ? log_write((level), NULL, __VA_ARGS__) : (void)0)
#define log_debug(...)   log_full(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_full(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_full(LOG_ERR, __VA_ARGS__)

/* With fields: log_with(LOG_WARNING, FIELDS({ "object", key }, { "origin", file }), "…"). */
#define FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, { NULL, NULL } })
#define log_with(level, fields, ...) \
	((level) <= log_level() ? log_write((level), (fields), __VA_ARGS__) : (void)0)

/* r is a negative errno, which %m in fmt names; returns r: return log_error_errno(r, "…: %m"). */
#define log_full_errno(level, r, ...)           \
	({                                      \
		int _r = (r);                   \
		errno = _r < 0 ? -_r : _r;      \
		log_full((level), __VA_ARGS__); \
		_r;                             \
	})
#define log_error_errno(r, ...)   log_full_errno(LOG_ERR, (r), __VA_ARGS__)
#define log_warning_errno(r, ...) log_full_errno(LOG_WARNING, (r), __VA_ARGS__)
#define log_debug_errno(r, ...)   log_full_errno(LOG_DEBUG, (r), __VA_ARGS__)

/* For messages that a peer can trigger: at most `burst` lines in `interval_usec`. */
struct log_limit {
	long long interval_usec;
	unsigned burst;
	long long began;
	unsigned seen;
};
/* True if the line may be written; *ret_dropped counts the lines dropped since the last one. */
int log_limit_pass(struct log_limit *l, unsigned *ret_dropped);
