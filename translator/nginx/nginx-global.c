/* Keys of the ConfigMap that hold for all paths and have no annotation. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/http-header.h"
#include "common/base/word.h"
#include "translator/nginx/nginx-address.h"
#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-global.h"
#include "translator/nginx/nginx-pattern.h"
#include "translator/nginx/nginx-variable.h"
#include "translator/resolve/object.h"

/* ---- blocking ---- */

/* An item is a whole text, "~regex", or "~*regex" in any case. */
static bool read_item(struct arena *a, const char *item, struct value_match *ret)
{
	bool regex = *item == '~', any_case = regex && item[1] == '*';

	if (!regex) {
		ret->op = MATCH_EXACT;
		ret->value = item;
		return true;
	}
	ret->op = MATCH_REGEX;
	ret->value = arena_printf(a, "%s.*?(?:%s).*", any_case ? "(?i)" : "", item + 1 + any_case);
	return nginx_pattern_is_regex(ret->value);
}

static void block(struct nginx_plan *p, const char *key, const char *header)
{
	const char *list = nginx_config_text(p->r, key);
	struct nginx_source s = { .ingress = p->mains[0],
				  .text = "/",
				  .field = "metadata.annotations" };

	for (const char *item; (item = word_next_copy(p->a, &list));) {
		struct value_match m = { .name = header };
		struct route route = { .match = { .kind = PATH_PREFIX, .path = "/" },
				       .kind = ROUTE_ANSWER,
				       .answer = { .status = 403 } };

		if (read_item(p->a, item, &m)) {
			match_add_header(p->a, &route.match, m);
			nginx_route_append(p, &s, &route);
		}
	}
}

void nginx_global_block(struct nginx_plan *p)
{
	block(p, "block-user-agents", "user-agent");
	block(p, "block-referers", "referer");
}

const struct address_rules *nginx_global_addresses(struct nginx_plan *p)
{
	const char *list = nginx_config_text(p->r, "block-cidrs");
	struct nginx_network *networks;
	struct address_rules *rules;
	size_t n = list ? nginx_addresses_read(p->a, list, &networks) : 0;

	if (!n)
		return NULL;
	rules = arena_new_of(p->a, struct address_rules, 1);
	rules->deny = true;
	rules->n = n;
	rules->all = arena_new_of(p->a, struct address_range, n);
	for (size_t i = 0; i < n; i++)
		rules->all[i] = (struct address_range){ .address = networks[i].address,
							.bits = networks[i].bits };
	return rules;
}

/* ---- headers ---- */

static const K8s__ConfigMap *find_map(struct nginx_plan *p, const char *key)
{
	const char *name = nginx_config_text(p->r, key);

	return name && strchr(name, '/') ? read_message(p->r, OBJECT_CONFIG_MAP, name) : NULL;
}

/* Why a header of such a ConfigMap is not sent; NULL: it is. */
static const char *fault_of(struct nginx_plan *p, const struct nginx_source *s, const char *name,
			    const char *text)
{
	bool host = strcasecmp(name, "Host") == 0;

	if (!http_header_is_token(name) || !header_is_value(text))
		return "cannot be sent";
	if (host ? nginx_variable_plain(p, s, text) : nginx_variable_format(p, s, text))
		return NULL;
	return host ? "has a variable that depends on the request" : "has an unknown variable";
}

static void set_headers(struct nginx_plan *p, const struct nginx_source *s,
			const K8s__ConfigMap *map, struct header_edits *ret)
{
	for (size_t i = 0; map && i < map->n_data; i++) {
		const char *name = map->data[i]->key, *text = map->data[i]->value;
		const char *format = nginx_variable_format(p, s, text);

		if (fault_of(p, s, name, text))
			continue;
		if (strcasecmp(name, "Host") == 0) {
			const char *host = nginx_variable_plain(p, s, text);

			if (*host)
				ret->host = host;
		} else if (*format) {
			nginx_edits_set_format(p->a, ret, name, format);
		} else {
			nginx_edits_remove(p->a, ret, name);
		}
	}
}

/* An expression that Envoy does not take refuses nobody. */
static void check_block(struct reader *r, const char *key)
{
	const char *list = nginx_config_text(r, key);

	for (const char *item; (item = word_next_copy(reader_arena(r), &list));) {
		struct value_match m;

		if (!read_item(reader_arena(r), item, &m))
			object_warning(r, OBJECT_CONFIG_MAP, nginx_config_map(r), "KeyInvalid",
				       arena_printf(reader_arena(r), "data[%s]", key),
				       "\"%s\" is not a regular expression that Envoy accepts "
				       "(RE2): it refuses no request",
				       item);
	}
}

static void check_status(struct reader *r)
{
	const char *text = nginx_config_text(r, "limit-req-status-code");
	long n = text ? strtol(text, NULL, 10) : 503;

	if (n < 400 || n > 599)
		object_warning(r, OBJECT_CONFIG_MAP, nginx_config_map(r), "KeyInvalid",
			       "data[limit-req-status-code]",
			       "the value must be 400 to 599; 503 is used");
}

void nginx_global_check(struct reader *r)
{
	static const char *const keys[] = { "proxy-set-headers", "add-headers" };
	struct nginx_ingress none = { .key = "", .namespace = "" };
	struct nginx_source s = { .ingress = &none, .text = "/" };
	struct nginx_plan p = { .r = r, .a = reader_arena(r), .host = "a" };

	check_block(r, "block-user-agents");
	check_block(r, "block-referers");
	check_status(r);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *name = nginx_config_text(r, keys[i]), *why;
		const char *field = arena_printf(p.a, "data[%s]", keys[i]);
		const K8s__ConfigMap *map = find_map(&p, keys[i]);

		if (name && !map)
			object_warning(r, OBJECT_CONFIG_MAP, nginx_config_map(r), "KeyInvalid",
				       field, "there is no ConfigMap %s: give namespace/name",
				       name);
		for (size_t k = 0; map && k < map->n_data; k++) {
			why = fault_of(&p, &s, map->data[k]->key, map->data[k]->value);
			if (why)
				object_warning(r, OBJECT_CONFIG_MAP, nginx_config_map(r),
					       "KeyInvalid", field,
					       "header \"%s\" of ConfigMap %s %s; it is left out",
					       map->data[k]->key, name, why);
		}
	}
}

void nginx_global_request(struct nginx_plan *p, const struct nginx_source *s,
			  struct header_edits *ret)
{
	set_headers(p, s, find_map(p, "proxy-set-headers"), ret);
	if (nginx_config_flag(p->r, "proxy-add-original-uri-header", false))
		nginx_edits_set_format(p->a, ret, "X-Original-Uri", "%REQ(:path)%");
}

void nginx_global_response(struct nginx_plan *p, const struct nginx_source *s,
			   struct header_edits *ret)
{
	const char *list = nginx_config_text(p->r, "hide-headers");

	for (const char *q = list ? list + strspn(list, ", ") : ""; *q; q += strspn(q, ", ")) {
		size_t n = strcspn(q, ", ");
		const char *name = arena_strndup(p->a, q, n);

		if (http_header_is_token(name))
			nginx_edits_remove(p->a, ret, name);
		q += n;
	}
	set_headers(p, s, find_map(p, "add-headers"), ret);
}

/* ---- words ---- */

const char *nginx_global_forbidden(struct reader *r, const struct nginx_ingress *in)
{
	const char *list = nginx_config_text(r, "annotation-value-word-blocklist");
	struct arena *a = reader_arena(r);

	for (const char *word; (word = word_next_copy(a, &list));)
		for (size_t i = 0; i < in->n_values; i++)
			if (strstr(in->values[i].text, word))
				return word;
	return NULL;
}
