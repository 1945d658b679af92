/* One file of manifests. Used by the watcher. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/small.h"
#include "common/base/text.h"
#include "common/decode/object-kind.h"
#include "watcher/manifests/manifest-file.h"

#define BUFFER_KEEP (256u * 1024)

struct manifest_file *manifest_file_new(const char *path)
{
	size_t len = strlen(path);
	struct manifest_file *f = small_zalloc(sizeof(*f) + len + 1);

	memcpy(f->path, path, len);
	return f;
}

bool manifest_file_is_name(const char *name)
{
	static const char *const endings[] = { ".yaml", ".yml", ".json" };
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		size_t m = strlen(endings[i]);

		if (n > m && *name != '.' && strcmp(name + n - m, endings[i]) == 0)
			return true;
	}
	return false;
}

static bool is_json(const char *path)
{
	size_t n = strlen(path);

	return n > 5 && strcmp(path + n - 5, ".json") == 0;
}

/* ---- reading ---- */

const struct manifest_remarks *manifest_file_remarks(const struct manifest_file *f)
{
	static const struct manifest_remarks nothing;

	return f->remarks ? f->remarks : &nothing;
}

static uint64_t stamp_of(const struct stat *st)
{
	const int64_t all[] = { (int64_t)st->st_dev,          (int64_t)st->st_ino,
				(int64_t)st->st_size,         (int64_t)st->st_mtim.tv_sec,
				(int64_t)st->st_mtim.tv_nsec, (int64_t)st->st_ctim.tv_sec,
				(int64_t)st->st_ctim.tv_nsec };
	uint64_t hash = hash_bytes(all, sizeof(all));

	return hash ? hash : 1;
}

bool manifest_file_exists(const struct manifest_file *f)
{
	return access(f->path, F_OK) == 0;
}

/* A read lease is refused with EAGAIN for exactly this reason (fcntl(2)). After any other error,
 * such as for another user's file or on a file system without leases, the answer is unknown. */
bool manifest_file_is_being_written(const struct manifest_file *f)
{
	_cleanup_close_ int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return false;
	/* The kernel sends a signal when another process opens the file for writing: one that we
	 * ignore, not SIGIO, which would end us. */
	if (fcntl(fd, F_SETSIG, SIGURG) < 0)
		return false;
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return errno == EAGAIN;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

int manifest_file_changed(const struct manifest_file *f)
{
	struct stat st;

	if (!f->stamp)
		return 1;
	if (stat(f->path, &st) < 0)
		return -errno;
	return f->stamp != stamp_of(&st);
}

/* Up to one byte more than is allowed, which says that it is too much. */
static int read_all(struct manifest_reader *r, int fd, size_t expected, size_t *ret_len)
{
	size_t len = 0;

	for (;;) {
		size_t most = MAX(expected, len) + 4096, want = MIN(most, r->file_max + 1);
		ssize_t n;

		if (r->buffer_size < want) {
			r->buffer = realloc_wiped(r->buffer, r->buffer_size, want);
			r->buffer_size = want;
		}
		if (len == r->file_max + 1)
			return -EFBIG;
		n = read(fd, r->buffer + len, MIN(r->buffer_size, r->file_max + 1) - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		/* If it grows meanwhile, its writer has yet to close it. */
		if (n == 0 || (expected && len == expected)) {
			*ret_len = len;
			return 0;
		}
	}
}

static int read_file(struct manifest_reader *r, struct manifest_file *f, size_t *ret_len)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (strcmp(f->path, "-") == 0)
		return read_all(r, STDIN_FILENO, 0, ret_len);
	/* O_NONBLOCK: it may be a pipe. */
	fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	f->stamp = stamp_of(&st);
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if ((uint64_t)st.st_size > r->file_max)
		return -EFBIG;
	return read_all(r, fd, (size_t)st.st_size, ret_len);
}

/* ---- its messages ---- */

struct load {
	struct manifest_reader *reader;
	struct manifest_file *file;
	struct manifest_remarks remarks; /* the file's, while it is read */
	uint64_t *said_before;
	size_t n_said_before;
	struct claim **claims; /* of this reading */
	uint32_t n_claims;
	size_t cap_claims;
	bool anonymous; /* a document's object could not be told */
};

/* True if the last reading did not say it already. */
static bool is_new(struct load *l, const char *line)
{
	struct manifest_remarks *m = &l->remarks;
	uint64_t hash = hash_bytes(line, strlen(line));

	GROW(m->said, m->n_said, m->cap_said);
	m->said[m->n_said++] = hash;
	for (size_t i = 0; i < l->n_said_before; i++)
		if (l->said_before[i] == hash)
			return false;
	return true;
}

/* document 0: the file as a whole. */
static void write_note(struct manifest_reader *r, const char *path, unsigned document,
		       const char *reason, const char *message)
{
	_cleanup_free_ char *key = xasprintf("%s:%u", path, document);
	Portolan__Ipc__ObjectStatus status = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	Portolan__Ipc__Problem problem = PORTOLAN__IPC__PROBLEM__INIT, *list = &problem;

	problem.has_severity = 1;
	problem.severity = PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR;
	problem.reason = (char *)reason;
	problem.message = (char *)message;
	status.has_verdict = 1;
	status.verdict = PORTOLAN__IPC__VERDICT__VERDICT_REJECTED;
	status.origin = (char *)path;
	status.problems = &list;
	status.n_problems = 1;
	store_note(r->store, OBJECT_DOCUMENT, key, strlen(key), message ? &status : NULL);
}

void manifest_note(struct manifest_reader *r, const char *path, const char *message)
{
	write_note(r, path, 0, "Unreadable", message);
}

static void write_bad(struct load *l, unsigned document, const char *reason, const char *message)
{
	struct manifest_remarks *m = &l->remarks;

	write_note(l->reader, l->file->path, document, reason, message);
	GROW(m->bad, m->n_bad, m->cap_bad);
	m->bad[m->n_bad++] = document;
}

static void clear_bad(struct load *l, const uint32_t *bad, size_t n)
{
	const struct manifest_remarks *m = &l->remarks;

	for (size_t i = 0; i < n; i++) {
		bool still = false;

		for (size_t k = 0; k < m->n_bad; k++)
			still |= m->bad[k] == bad[i];
		if (!still)
			write_note(l->reader, l->file->path, bad[i], NULL, NULL);
	}
}

static const char *failure(int r, size_t file_max, char *buffer, size_t size)
{
	switch (r) {
	case -EFBIG:
		(void)snprintf(buffer, size, "is larger than %zu MiB: not read", file_max >> 20);
		return buffer;
	case -EISDIR:
		return "is a directory";
	case -EINVAL:
		return "is not a regular file";
	default:
		(void)snprintf(buffer, size, "cannot be read: %s", strerror(-r));
		return buffer;
	}
}

/* ---- decoding ---- */

static char *placed(const struct load *l, const struct decoded *o, const struct decode_problem *p)
{
	return p->line ? xasprintf("%s (%s, document %u, line %u)", p->message, l->file->path,
				   o->document, p->line)
		       : xasprintf("%s (%s, document %u)", p->message, l->file->path, o->document);
}

static void say(struct load *l, const struct decoded *o, const struct decode_problem *p)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	const struct object_kind_row *row = object_kind(o->kind);

	decode_problem_print(&line, l->file->path, o->document, p);
	if (!is_new(l, line.s) || !status_log_pass(&l->reader->log))
		return;
	log_with(p->error ? LOG_ERR : LOG_WARNING,
		 FIELDS({ "kind", row ? row->kind : NULL }, { "object", o->key },
			{ "origin", l->file->path }, { "field", *p->field ? p->field : NULL }),
		 "%s", line.s);
}

/* A document that does not even say which object it is. */
static void on_anonymous(struct load *l, const struct decoded *o)
{
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;

	l->anonymous = true;
	for (size_t i = 0; i < o->n_problems; i++) {
		strbuf_puts(&all, i ? "; " : "");
		decode_problem_print(&all, l->file->path, o->document, &o->problems[i]);
	}
	write_bad(l, o->document, o->n_problems ? o->problems[0].reason : "Syntax",
		  strbuf_str(&all));
}

static void add(struct load *l, struct claim *c)
{
	GROW(l->claims, l->n_claims, l->cap_claims);
	l->claims[l->n_claims++] = c;
}

/* The file's claim to this object from the last reading, or a new one. */
static struct claim *claim_for(struct load *l, const struct decoded *o, bool *ret_new)
{
	struct claim *c =
		claims_find(l->reader->claims, l->file->path, o->kind, o->key, o->key_len);

	while (c && (c->path != l->file->path || c->seen))
		c = c->next;
	*ret_new = !c;
	if (!c) {
		c = small_zalloc(sizeof(*c));
		c->path = l->file->path;
	}
	c->seen = true;
	c->place = l->n_claims;
	c->line = o->line;
	return c;
}

static void on_object(void *ctx, const struct decoded *o)
{
	struct load *l = ctx;
	char origin[4200];
	struct item *item;
	struct claim *c;
	bool new;
	int n;

	l->remarks.unreadable += !o->value;
	for (size_t i = 0; i < o->n_problems; i++)
		say(l, o, &o->problems[i]);
	if (!o->key) {
		on_anonymous(l, o);
		return;
	}
	c = claim_for(l, o, &new);
	claim_clear_problems(c);
	for (size_t i = 0; i < o->n_problems; i++)
		claim_add_problem(c, o->problems[i].error, o->problems[i].reason,
				  o->problems[i].field, placed(l, o, &o->problems[i]),
				  o->problems[i].line);
	if (o->value || new) {
		_cleanup_free_ char *path = text_of(l->file->path);

		n = snprintf(origin, sizeof(origin), "%s:%u", path, o->line);
		item = item_new(o->kind, o->key, o->key_len, origin,
				MIN((size_t)n, sizeof(origin) - 1), o->value, o->value_len);
		item_unref(c->item);
		c->item = item;
		c->served = o->value;
	}
	c->kept = !o->value && c->served;
	c->gone = false;
	add(l, c);
	if (new)
		claims_add(l->reader->claims, c);
	else
		claims_update(l->reader->claims, c);
}

/* Objects of the last reading that this one lacks: gone, or perhaps in the unreadable part. */
static void take_leave(struct load *l, struct claim *c)
{
	if (!l->anonymous || !c->served) {
		claims_remove(l->reader->claims, c);
		return;
	}
	c->kept = true;
	c->gone = false;
	add(l, c);
	claims_update(l->reader->claims, c);
}

static void load_begin(struct load *l, struct manifest_reader *r, struct manifest_file *f)
{
	*l = (struct load){ .reader = r, .file = f };
	if (f->remarks)
		l->remarks = *f->remarks;
	free(TAKE_PTR(f->remarks));
	l->said_before = TAKE_PTR(l->remarks.said);
	l->n_said_before = l->remarks.n_said;
	l->remarks.n_said = l->remarks.cap_said = 0;
	l->remarks.unreadable = l->remarks.ignored = 0;
}

static void load_end(struct load *l)
{
	const struct manifest_remarks *m = &l->remarks;

	free(l->said_before);
	if (m->n_bad || m->n_said || m->unreadable || m->ignored || m->passed.n)
		l->file->remarks = xmemdup(m, sizeof(*m));
}

static void set_claims(struct manifest_file *f, struct claim *const *claims, uint32_t n)
{
	small_free(f->claims, f->n_claims * sizeof(struct claim *));
	f->claims = n ? small_memdup(claims, n * sizeof(struct claim *)) : NULL;
	f->n_claims = n;
}

static void load_text(struct load *l, size_t len)
{
	struct manifest_reader *r = l->reader;
	struct manifest_file *f = l->file;
	struct manifest_remarks *m = &l->remarks;
	uint32_t *bad = TAKE_PTR(m->bad);
	size_t n_bad = m->n_bad;
	struct decode_counts counts;

	m->n_bad = m->cap_bad = 0;
	for (size_t i = 0; i < f->n_claims; i++)
		f->claims[i]->seen = false;
	decode_text(r->decoder, is_json(f->path) ? DECODE_JSON : DECODE_YAML, r->buffer, len,
		    on_object, l, &counts);
	for (size_t i = 0; i < f->n_claims; i++)
		if (!f->claims[i]->seen)
			take_leave(l, f->claims[i]);
	m->ignored = counts.ignored;
	r->passed_changed |= passed_over_set(&m->passed, &counts);
	set_claims(f, l->claims, l->n_claims);
	free(l->claims);
	clear_bad(l, bad, n_bad);
	free(bad);
}

/* Too many open files, an input/output error: errors that the file's author cannot correct. */
static bool may_pass(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
	case -EFBIG:
	case -EISDIR:
	case -EINVAL:
	case -ELOOP:
	case -ENXIO:
	case -ENAMETOOLONG:
		return false;
	default:
		return true;
	}
}

/* Everything stays as it was, and the reason is a note. */
static void load_failed(struct load *l, int error)
{
	struct decode_problem p = { .error = true, .reason = "Unreadable", .field = "" };
	struct decoded o = { 0 };
	char buffer[256];

	l->file->stamp = 0;
	p.message = failure(error, l->reader->file_max, buffer, sizeof(buffer));
	l->remarks.unreadable = 1;
	o.problems = &p;
	o.n_problems = 1;
	say(l, &o, &p);
	on_anonymous(l, &o);
}

int manifest_file_read(struct manifest_reader *r, struct manifest_file *f)
{
	struct load l;
	size_t len;
	int k = read_file(r, f, &len);

	if (k == -ENOENT || k == -ENOTDIR)
		return -ENOENT;
	r->reads++;
	load_begin(&l, r, f);
	if (k < 0) {
		load_failed(&l, k);
	} else {
		r->bytes += len;
		load_text(&l, len);
	}
	load_end(&l);
	/* A big file is rare and its buffer would stay for good. */
	if (r->buffer_size > BUFFER_KEEP) {
		free_wiped(TAKE_PTR(r->buffer), r->buffer_size);
		r->buffer_size = 0;
	}
	return k < 0 && may_pass(k) ? -EAGAIN : 0;
}

void manifest_file_set_gone(struct manifest_reader *r, struct manifest_file *f, bool gone)
{
	for (size_t i = 0; i < f->n_claims; i++) {
		if (f->claims[i]->gone == gone)
			continue;
		f->claims[i]->gone = gone;
		claims_update(r->claims, f->claims[i]);
	}
}

void manifest_file_withdraw(struct manifest_reader *r, struct manifest_file *f)
{
	struct manifest_remarks *m = f->remarks;

	for (size_t i = 0; i < f->n_claims; i++)
		claims_remove(r->claims, f->claims[i]);
	set_claims(f, NULL, 0);
	for (size_t i = 0; m && i < m->n_bad; i++)
		write_note(r, f->path, m->bad[i], NULL, NULL);
	if (m)
		m->n_bad = 0;
}

void manifest_file_free(struct manifest_file *f)
{
	struct manifest_remarks *m = f->remarks;

	if (m) {
		passed_over_free(&m->passed);
		free(m->bad);
		free(m->said);
		free(m);
	}
	set_claims(f, NULL, 0);
	small_free(f, sizeof(*f) + strlen(f->path) + 1);
}
