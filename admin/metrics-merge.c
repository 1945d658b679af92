/* Merging of Prometheus pages (https://prometheus.io/docs/instrumenting/exposition_formats/). Runs
 * in admin. */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "admin/metrics-merge.h"
#include "common/base/alloc.h"

struct metrics_family {
	struct metrics_family *next;
	char *name;
	char *help, *type; /* whole lines, or NULL */
	struct strbuf samples;
};

static const void *family_key(const void *entry, size_t *ret_len)
{
	const struct metrics_family *f = entry;

	*ret_len = strlen(f->name);
	return f->name;
}

void metrics_merge_init(struct metrics_merge *m)
{
	m->families = HASHMAP_INIT(family_key);
	m->first = NULL;
	m->end = &m->first;
}

void metrics_merge_done(struct metrics_merge *m)
{
	struct metrics_family *f = m->first;

	while (f) {
		struct metrics_family *next = f->next;

		strbuf_done(&f->samples);
		free(f->name);
		free(f->help);
		free(f->type);
		free(f);
		f = next;
	}
	hashmap_done(&m->families);
}

static struct metrics_family *family(struct metrics_merge *m, const char *name, size_t len)
{
	struct metrics_family *f = hashmap_get(&m->families, name, len);

	if (f)
		return f;
	f = xnew(struct metrics_family, 1);
	f->name = xstrndup(name, len);
	(void)hashmap_put(&m->families, f);
	*m->end = f;
	m->end = &f->next;
	return f;
}

static size_t name_length(const char *s, size_t len)
{
	size_t n = 0;

	if (len && isdigit((unsigned char)*s))
		return 0;
	while (n < len && (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == ':'))
		n++;
	return n;
}

/* "# HELP name text" or "# TYPE name kind". Returns the family, NULL for another comment. */
static struct metrics_family *add_comment(struct metrics_merge *m, const char *line, size_t len)
{
	struct metrics_family *f;
	bool help = len > 7 && memcmp(line, "# HELP ", 7) == 0;
	size_t n;

	if (!help && (len <= 7 || memcmp(line, "# TYPE ", 7) != 0))
		return NULL;
	n = name_length(line + 7, len - 7);
	if (n == 0)
		return NULL;
	f = family(m, line + 7, n);
	if (help && !f->help)
		f->help = xstrndup(line, len);
	if (!help && !f->type)
		f->type = xstrndup(line, len);
	return f;
}

/* The samples of a histogram or summary have the family's name and one of these. */
static bool belongs(const struct metrics_family *f, const char *name, size_t len)
{
	static const char *const suffixes[] = { "", "_bucket", "_sum", "_count" };
	size_t n = strlen(f->name);

	if (len < n || memcmp(f->name, name, n) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (strlen(suffixes[i]) == len - n && memcmp(suffixes[i], name + n, len - n) == 0)
			return true;
	return false;
}

/* labels: the text after '{'. */
static bool has_stage_label(const char *labels, size_t len)
{
	static const char label[] = "stage=\"";
	bool quoted = false, at_name = true;

	for (size_t i = 0; i < len && (quoted || labels[i] != '}'); i++) {
		if (!quoted && at_name && len - i > strlen(label) &&
		    memcmp(labels + i, label, strlen(label)) == 0)
			return true;
		at_name = !quoted && (labels[i] == ',' || labels[i] == ' ');
		if (quoted && labels[i] == '\\')
			i++;
		else if (labels[i] == '"')
			quoted = !quoted;
	}
	return false;
}

static void add_sample(struct metrics_merge *m, struct metrics_family *f, const char *stage,
		       const char *line, size_t len)
{
	size_t n = name_length(line, len);

	if (n == 0 || n == len || (line[n] != '{' && line[n] != ' '))
		return;
	if (!f || !belongs(f, line, n))
		f = family(m, line, n);
	strbuf_add(&f->samples, line, n);
	if (line[n] != '{') {
		strbuf_printf(&f->samples, "{stage=\"%s\"}", stage);
	} else {
		n++;
		strbuf_putc(&f->samples, '{');
		if (!has_stage_label(line + n, len - n))
			strbuf_printf(&f->samples, "stage=\"%s\"%s", stage,
				      n < len && line[n] == '}' ? "" : ",");
	}
	strbuf_add(&f->samples, line + n, len - n);
	strbuf_putc(&f->samples, '\n');
}

void metrics_merge_add(struct metrics_merge *m, const char *stage, const char *page, size_t len)
{
	struct metrics_family *f = NULL;

	while (len) {
		const char *end = memchr(page, '\n', len);
		size_t line = end ? (size_t)(end - page) : len;

		if (line && *page == '#')
			f = add_comment(m, page, line);
		else if (line)
			add_sample(m, f, stage, page, line);
		page += line + (end != NULL);
		len -= line + (end != NULL);
	}
}

void metrics_merge_write(const struct metrics_merge *m, struct strbuf *out)
{
	for (const struct metrics_family *f = m->first; f; f = f->next) {
		if (!f->samples.len)
			continue;
		if (f->help)
			strbuf_printf(out, "%s\n", f->help);
		if (f->type)
			strbuf_printf(out, "%s\n", f->type);
		strbuf_add(out, f->samples.s, f->samples.len);
	}
}
