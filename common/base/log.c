/* Log lines for people, machines and the journal. Used by every process. */
/* sd_journal_send(3) would say where in this file it is called: the build machine's path. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strbuf.h"
#include "common/base/text.h"

#define MESSAGE_MAX 8192
#define FIELDS_MAX  16

static struct {
	const char *name;
	enum log_format format;
	int level;
} logger = { .name = "portolan", .level = LOG_INFO };

static const char *const level_names[] = {
	[LOG_EMERG] = "error", [LOG_ALERT] = "error",     [LOG_CRIT] = "error",
	[LOG_ERR] = "error",   [LOG_WARNING] = "warning", [LOG_NOTICE] = "info",
	[LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

/* systemd.exec(5): JOURNAL_STREAM names the device and inode of a stream that is the journal. */
static int stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!env || sscanf(env, "%llu:%llu", &dev, &ino) != 2 || fstat(STDERR_FILENO, &st) < 0)
		return 0;
	return st.st_dev == dev && st.st_ino == ino;
}

void log_init(const char *name)
{
	logger.name = name;
	logger.format = stderr_is_journal() ? LOG_FORMAT_JOURNAL : LOG_FORMAT_TEXT;
}

int log_set_format(const char *word)
{
	static const char *const words[] = {
		[LOG_FORMAT_TEXT] = "text",
		[LOG_FORMAT_JSON] = "json",
		[LOG_FORMAT_JOURNAL] = "journal",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0) {
			logger.format = (enum log_format)i;
			return 0;
		}
	return -EINVAL;
}

int log_set_level(const char *word)
{
	for (int i = LOG_DEBUG; i >= LOG_ERR; i--)
		if (strcmp(level_names[i], word) == 0) {
			logger.level = i;
			return 0;
		}
	return -EINVAL;
}

int log_level(void)
{
	return logger.level;
}

/* A value is quoted where a reader could take it for more than one word or line. */
static void add_text_value(struct strbuf *b, const char *value)
{
	int plain = *value != '\0';

	for (const char *p = value; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '"' ||
		    *p == '=' || *p == '\\')
			plain = 0;
	if (plain)
		strbuf_puts(b, value);
	else
		strbuf_json(b, value, strlen(value));
}

static void add_time(struct strbuf *b)
{
	int64_t now = clock_realtime();
	time_t sec = (time_t)(now / USEC_PER_SEC);
	char text[32];
	struct tm tm;

	(void)gmtime_r(&sec, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	strbuf_printf(b, "%s.%06dZ", text, (int)(now % USEC_PER_SEC));
}

static void write_text(int level, const struct log_field *fields, const char *message)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	add_time(&b);
	strbuf_printf(&b, " %-7s %s: ", level_names[level], logger.name);
	/* A message may quote a user's text. */
	strbuf_text(&b, message, strlen(message));
	/* People read this form: a value that the sentence names is not repeated. */
	for (const struct log_field *f = fields; f && f->key; f++)
		if (f->value && !(*f->value && strstr(message, f->value))) {
			strbuf_printf(&b, " %s=", f->key);
			add_text_value(&b, f->value);
		}
	strbuf_putc(&b, '\n');
	(void)fwrite(b.s, 1, b.len, stderr);
}

static void add_json_field(struct strbuf *b, const char *key, const char *value)
{
	strbuf_json(b, key, strlen(key));
	strbuf_putc(b, ':');
	strbuf_json(b, value, strlen(value));
}

static void write_json(int level, const struct log_field *fields, const char *message)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	strbuf_puts(&b, "{\"time\":\"");
	add_time(&b);
	strbuf_puts(&b, "\",");
	add_json_field(&b, "level", level_names[level]);
	strbuf_putc(&b, ',');
	add_json_field(&b, "process", logger.name);
	strbuf_putc(&b, ',');
	add_json_field(&b, "message", message);
	for (const struct log_field *f = fields; f && f->key; f++)
		if (f->value) {
			strbuf_putc(&b, ',');
			add_json_field(&b, f->key, f->value);
		}
	strbuf_puts(&b, "}\n");
	(void)fwrite(b.s, 1, b.len, stderr);
}

/* journalctl shows no field with control characters as text. */
static char *journal_field(const char *name, const char *value)
{
	_cleanup_free_ char *text = text_of(value);

	return xasprintf("%s=%s", name, text);
}

static void write_journal(int level, const struct log_field *fields, const char *message)
{
	struct iovec iov[FIELDS_MAX + 3];
	char *owned[FIELDS_MAX + 3];
	int n = 0;

	owned[n++] = journal_field("MESSAGE", message);
	owned[n++] = xasprintf("PRIORITY=%d", level);
	owned[n++] = xasprintf("PORTOLAN_STAGE=%s", logger.name);
	for (const struct log_field *f = fields; f && f->key && n < FIELDS_MAX + 3; f++)
		if (f->value) {
			_cleanup_free_ char *name = xasprintf("PORTOLAN_%s", f->key);
			char *s = journal_field(name, f->value);

			/* systemd.journal-fields(7): upper-case letters, digits, underscores. */
			for (char *p = s; *p && *p != '='; p++)
				if (*p >= 'a' && *p <= 'z')
					*p = (char)(*p - 'a' + 'A');
				else if (*p == '-')
					*p = '_';
			owned[n++] = s;
		}
	for (int i = 0; i < n; i++)
		iov[i] = (struct iovec){ owned[i], strlen(owned[i]) };
	if (sd_journal_sendv(iov, n) < 0)
		write_text(level, fields, message);
	for (int i = 0; i < n; i++)
		free(owned[i]);
}

void log_write(int level, const struct log_field *fields, const char *fmt, ...)
{
	static void (*const writers[])(int, const struct log_field *, const char *) = {
		[LOG_FORMAT_TEXT] = write_text,
		[LOG_FORMAT_JSON] = write_json,
		[LOG_FORMAT_JOURNAL] = write_journal,
	};
	char message[MESSAGE_MAX];
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	writers[logger.format](level, fields, message);
	errno = saved;
}

int log_limit_pass(struct log_limit *l, unsigned *ret_dropped)
{
	long long now = clock_monotonic();

	*ret_dropped = 0;
	if (l->began == 0 || now - l->began >= l->interval_usec) {
		*ret_dropped = l->seen > l->burst ? l->seen - l->burst : 0;
		l->began = now;
		l->seen = 0;
	}
	return ++l->seen <= l->burst;
}
