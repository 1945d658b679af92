/* The place of an object's field in its file, by libyaml's marks. JSON is YAML, too. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "portolan/field-place.h"

#define FILE_MAX      (16 * 1024 * 1024)
#define DOCUMENTS_MAX 10000
#define DEPTH_MAX     4 /* of an object: a List in a document */

struct field_places {
	char *file;
	yaml_document_t *documents;
	size_t n;
};

static void forget(struct field_places *p)
{
	for (size_t i = 0; i < p->n; i++)
		yaml_document_delete(&p->documents[i]);
	free(TAKE_PTR(p->documents));
	free(TAKE_PTR(p->file));
	p->n = 0;
}

struct field_places *field_places_new(void)
{
	return xnew(struct field_places, 1);
}

void field_places_free(struct field_places *p)
{
	if (!p)
		return;
	forget(p);
	free(p);
}

static void load(struct field_places *p, FILE *f)
{
	yaml_parser_t parser;
	bool more = yaml_parser_initialize(&parser);

	yaml_parser_set_input_file(&parser, f);
	while (more && p->n < DOCUMENTS_MAX) {
		yaml_document_t d;

		if (!yaml_parser_load(&parser, &d))
			break;
		more = yaml_document_get_root_node(&d) != NULL;
		if (!more) {
			yaml_document_delete(&d);
			break;
		}
		p->documents = xreallocarray(p->documents, p->n + 1, sizeof(d));
		p->documents[p->n++] = d;
	}
	yaml_parser_delete(&parser);
}

static void read_file(struct field_places *p, const char *file)
{
	struct stat st;
	FILE *f;

	if (p->file && strcmp(p->file, file) == 0)
		return;
	forget(p);
	p->file = xstrdup(file);
	f = fopen(file, "re");
	if (!f)
		return;
	if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX)
		load(p, f);
	(void)fclose(f);
}

static yaml_node_t *member(yaml_document_t *d, yaml_node_t *map, const char *name, size_t len,
			   yaml_node_t **ret_key)
{
	if (map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *i = map->data.mapping.pairs.start; i < map->data.mapping.pairs.top;
	     i++) {
		yaml_node_t *key = yaml_document_get_node(d, i->key);

		if (key->type != YAML_SCALAR_NODE || key->data.scalar.length != len ||
		    memcmp(key->data.scalar.value, name, len) != 0)
			continue;
		*ret_key = key;
		return yaml_document_get_node(d, i->value);
	}
	return NULL;
}

static yaml_node_t *element(yaml_document_t *d, yaml_node_t *list, unsigned long index)
{
	yaml_node_item_t *at;

	if (list->type != YAML_SEQUENCE_NODE)
		return NULL;
	at = list->data.sequence.items.start + index;
	return index < (unsigned long)(list->data.sequence.items.top -
				       list->data.sequence.items.start)
		       ? yaml_document_get_node(d, *at)
		       : NULL;
}

/* The object that begins in this line: the document itself, or an item of a List. */
static yaml_node_t *object_at(yaml_document_t *d, yaml_node_t *n, unsigned line, unsigned depth)
{
	yaml_node_t *key, *items, *found;

	if (!n || n->type != YAML_MAPPING_NODE)
		return NULL;
	if (n->start_mark.line + 1 == line && member(d, n, "kind", 4, &key) &&
	    !member(d, n, "items", 5, &key))
		return n;
	items = depth ? member(d, n, "items", 5, &key) : NULL;
	for (unsigned long i = 0; items && (found = element(d, items, i)); i++) {
		found = object_at(d, found, line, depth - 1);
		if (found)
			return found;
	}
	return NULL;
}

/* The next step of "a.b[0][key]" from the node, with the mark of its target. */
static yaml_node_t *step(yaml_document_t *d, yaml_node_t *n, const char **path, yaml_mark_t *mark)
{
	const char *p = *path;
	yaml_node_t *key = NULL, *next;
	size_t len;

	if (*p == '[') {
		char *end;
		unsigned long index = strtoul(p + 1, &end, 10);

		len = strcspn(p, "]");
		next = end > p + 1 && *end == ']' ? element(d, n, index)
						  : member(d, n, p + 1, len ? len - 1 : 0, &key);
		*path = p + len + (p[len] == ']');
	} else {
		p += *p == '.';
		len = strcspn(p, ".[");
		next = member(d, n, p, len, &key);
		*path = p + len;
	}
	if (next)
		*mark = key ? key->start_mark : next->start_mark;
	return next;
}

void field_places_find(struct field_places *p, const char *file, const char *field, unsigned *line,
		       unsigned *ret_column)
{
	read_file(p, file);
	for (size_t i = 0; i < p->n; i++) {
		yaml_document_t *d = &p->documents[i];
		yaml_node_t *n = object_at(d, yaml_document_get_root_node(d), *line, DEPTH_MAX);
		yaml_mark_t mark;

		if (!n)
			continue;
		mark = n->start_mark;
		while (field && *field && n)
			n = step(d, n, &field, &mark);
		*line = (unsigned)mark.line + 1;
		*ret_column = (unsigned)mark.column + 1;
		return;
	}
}
