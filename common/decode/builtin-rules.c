/* The API server's rules over several fields of Kubernetes' own kinds (k8s.io/kubernetes,
 * pkg/apis/core/validation). The translator checks rules about a single path or endpoint, since
 * it can serve the others. */
#include <ctype.h>
#include <string.h>

#include "common/decode/builtin-rules.h"

struct check {
	const struct node *map;
	const struct path *path;
	struct problems *problems;
};

static const struct node *member(const struct node *map, const char *key)
{
	const struct node *n = node_member(map, key);

	if (!n || n->type == NODE_NULL || (n->type == NODE_STRING && !n->len) ||
	    (n->type == NODE_INT && !n->integer))
		return NULL;
	return n;
}

static bool is_text(const struct node *n, const char *text)
{
	return n && n->type == NODE_STRING && strcmp(n->text, text) == 0;
}

/* RFC 6335, section 5.1: the name of a port. */
static bool is_port_name(const char *s)
{
	size_t len = strlen(s);
	bool letter = false;

	for (size_t i = 0; i < len; i++) {
		letter |= islower((unsigned char)s[i]) != 0;
		if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) &&
		    (s[i] != '-' || i == 0 || i == len - 1 || s[i + 1] == '-'))
			return false;
	}
	return letter && len <= 15;
}

/* ---- Services ---- */

static bool same_port(const struct node *a, const struct node *b)
{
	const struct node *x = member(a, "port"), *y = member(b, "port");
	const struct node *p = member(a, "protocol"), *q = member(b, "protocol");

	return x && y && x->integer == y->integer &&
	       strcmp(p ? p->text : "TCP", q ? q->text : "TCP") == 0;
}

static bool same_name(const struct node *a, const struct node *b)
{
	const struct node *x = member(a, "name"), *y = member(b, "name");

	return x && y && x->type == NODE_STRING && y->type == NODE_STRING &&
	       strcmp(x->text, y->text) == 0;
}

static void check_port(const struct check *c, const struct node *ports, const struct node *n,
		       const struct path *path)
{
	const struct node *name = member(n, "name"), *target = member(n, "targetPort");
	const struct path name_path = { .parent = path, .key = "name", .key_len = 4 };
	const struct path target_path = { .parent = path, .key = "targetPort", .key_len = 10 };

	if (!name && ports->n > 1)
		problems_add(c->problems, true, "Required", &name_path, n->line,
			     "must be there where a Service has several ports");
	if (target && target->type == NODE_STRING && !is_port_name(target->text))
		problems_add(c->problems, true, "WrongValue", &target_path, target->line,
			     "\"%.64s\" is neither a port nor the name of one: at most 15 "
			     "lower-case letters, digits and \"-\"",
			     target->text);
	for (const struct node *other = ports->first; other != n; other = other->next) {
		if (same_name(other, n))
			problems_add(c->problems, true, "Duplicate", &name_path, n->line,
				     "another port has the same name");
		if (same_port(other, n))
			problems_add(c->problems, true, "Duplicate", path, n->line,
				     "another port has the same number and protocol");
	}
}

static void check_service(const struct check *c)
{
	const struct node *ports = member(c->map, "ports"), *type = member(c->map, "type");
	const struct path path = { .parent = c->path, .key = "ports", .key_len = 5 };
	const struct path name = { .parent = c->path, .key = "externalName", .key_len = 12 };
	struct path item = { .parent = &path };

	if (is_text(type, "ExternalName") && !member(c->map, "externalName"))
		problems_add(c->problems, true, "Required", &name, c->map->line,
			     "must be there where the type is ExternalName");
	if (!ports || ports->type != NODE_LIST || ports->n > 256)
		return;
	for (const struct node *n = ports->first; n; n = n->next, item.index++)
		if (n->type == NODE_MAP)
			check_port(c, ports, n, &item);
}

static const struct {
	const char *message;
	void (*check)(const struct check *c);
} checks[] = {
	{ "k8s.ServiceSpec", check_service },
};

bool builtin_rules_has(const char *message)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (strcmp(checks[i].message, message) == 0)
			return true;
	return false;
}

void builtin_rules_check(const char *message, const struct node *map, const struct path *path,
			 struct problems *problems)
{
	const struct check c = { map, path, problems };

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (strcmp(checks[i].message, message) == 0)
			checks[i].check(&c);
}
