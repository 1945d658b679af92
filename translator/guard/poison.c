/* Remembers over a crash which object was being read. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "translator/guard/poison.h"

#define POISON_MAGIC   0x31304e4f53494f50ull /* "POISON01" */
#define POISON_KEY_MAX 1016
/* More objects than this that each crash the translator twice are no accident; the oldest is
 * forgotten. */
#define POISON_ENTRIES 32
#define POISON_DEATHS  2

struct entry {
	uint32_t kind; /* 0: none */
	uint32_t deaths;
	uint32_t key_len;
	uint32_t unused;
	uint64_t hash; /* of the item: another content is another object */
	char key[POISON_KEY_MAX];
};

/* The file. Only this host reads it, and only the same user may write it. */
struct poison_file {
	uint64_t magic;
	uint64_t next; /* the entry to be used next */
	struct entry reading;
	struct entry entries[POISON_ENTRIES];
};

struct poison {
	struct poison_file *file;
	unsigned count;            /* objects set aside: does not change while we live */
	unsigned suspects;         /* died while being read, not often enough */
	bool read[POISON_ENTRIES]; /* entries read since this start */
};

static bool is_sound(const struct poison_file *f)
{
	if (f->magic != POISON_MAGIC || f->reading.key_len > POISON_KEY_MAX)
		return false;
	for (size_t i = 0; i < POISON_ENTRIES; i++)
		if (f->entries[i].key_len > POISON_KEY_MAX)
			return false;
	return true;
}

static bool same(const struct entry *a, const struct entry *b)
{
	return a->kind == b->kind && a->hash == b->hash && a->key_len == b->key_len &&
	       memcmp(a->key, b->key, a->key_len) == 0;
}

static bool is_suspect(const struct entry *e)
{
	return e->kind && e->deaths < POISON_DEATHS;
}

/* A former process died while it was reading an object. */
static void count_death(struct poison_file *f)
{
	struct entry *e = NULL;

	for (size_t i = 0; i < POISON_ENTRIES && !e; i++)
		if (same(&f->entries[i], &f->reading))
			e = &f->entries[i];
	if (!e) {
		e = &f->entries[f->next++ % POISON_ENTRIES];
		*e = f->reading;
		e->deaths = 0;
	}
	e->deaths++;
	f->reading.kind = 0;
	log_with(LOG_ERR,
		 FIELDS({ "object", e->key },
			{ "kind", object_kind(e->kind) ? object_kind(e->kind)->kind : "?" }),
		 "the last translator died while it was reading this object (%u times now)%s",
		 e->deaths, e->deaths >= POISON_DEATHS ? "; it is set aside until it changes" : "");
}

int poison_open(const char *path, struct poison **ret)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct poison_file *f;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size != (off_t)sizeof(*f) &&
	    (ftruncate(fd, 0) < 0 || ftruncate(fd, sizeof(*f)) < 0))
		return -errno;
	/* Pages that the file system has no room for would be a crash later. */
	errno = posix_fallocate(fd, 0, sizeof(*f));
	if (errno)
		return -errno;
	f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (f == MAP_FAILED)
		return -errno;
	if (!is_sound(f)) {
		memset(f, 0, sizeof(*f));
		f->magic = POISON_MAGIC;
	}
	if (f->reading.kind)
		count_death(f);
	*ret = xnew(struct poison, 1);
	(*ret)->file = f;
	for (size_t i = 0; i < POISON_ENTRIES; i++) {
		(*ret)->count += f->entries[i].kind && f->entries[i].deaths >= POISON_DEATHS;
		(*ret)->suspects += is_suspect(&f->entries[i]);
	}
	return 0;
}

void poison_close(struct poison *p)
{
	if (!p)
		return;
	p->file->reading.kind = 0;
	(void)munmap(p->file, sizeof(*p->file));
	free(p);
}

static void fill(struct entry *e, const struct item *object)
{
	e->key_len = MIN(object->key_len, (uint32_t)POISON_KEY_MAX - 1);
	memcpy(e->key, object->data, e->key_len);
	e->key[e->key_len] = '\0';
	e->hash = object->hash;
	e->kind = object->kind;
}

void poison_reading(struct poison *p, const struct item *object)
{
	if (!p)
		return;
	if (!object) {
		p->file->reading.kind = 0;
		return;
	}
	fill(&p->file->reading, object);
	for (size_t i = 0; p->suspects && i < POISON_ENTRIES; i++)
		if (is_suspect(&p->file->entries[i]) &&
		    same(&p->file->entries[i], &p->file->reading))
			p->read[i] = true;
}

void poison_survived(struct poison *p)
{
	if (!p || !p->suspects)
		return;
	for (size_t i = 0; i < POISON_ENTRIES; i++)
		if (p->read[i]) {
			p->read[i] = false;
			p->file->entries[i].kind = 0;
			p->suspects--;
		}
}

bool poison_is(const struct poison *p, const struct item *object)
{
	struct entry wanted = { 0 };

	if (!p || !p->count)
		return false;
	fill(&wanted, object);
	for (size_t i = 0; i < POISON_ENTRIES; i++)
		if (p->file->entries[i].deaths >= POISON_DEATHS &&
		    same(&p->file->entries[i], &wanted))
			return true;
	return false;
}

unsigned poison_count(const struct poison *p)
{
	return p ? p->count : 0;
}
