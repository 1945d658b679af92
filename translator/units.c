/* The table of units, and what they share. Runs in the translator. */
#include <string.h>

#include "translator/delegation.h"
#include "translator/units.h"

static const char *const tables[] = { "ingress_http", "ingress_https", "routes", "admin", "runtime", NULL };

const struct unit_row units[UNIT_KIND_MAX_] = {
	[UNIT_SECRET] = { .name = "secret", .run = unit_secret },
	[UNIT_ENDPOINTS] = { .name = "endpoints", .run = unit_endpoints },
	[UNIT_CLUSTER] = { .name = "cluster", .run = unit_cluster },
	[UNIT_EXTENSION] = { .name = "extension",
			     .run = unit_extension,
			     .object = OBJECT_EXTENSION_SERVICE },
	[UNIT_CLAIM] = { .name = "claim", .run = unit_claim, .object = OBJECT_HTTP_PROXY },
	[UNIT_INGRESS] = { .name = "ingress", .run = unit_ingress, .object = OBJECT_INGRESS },
	[UNIT_PROXY] = { .name = "proxy", .run = unit_proxy, .object = OBJECT_HTTP_PROXY },
	[UNIT_ORPHAN] = { .name = "orphan", .run = unit_orphan, .object = OBJECT_HTTP_PROXY },
	[UNIT_HOST] = { .name = "host", .run = unit_host, .fact = FACT_HOST },
	[UNIT_SERVER_NAME] = { .name = "server-name",
			       .run = unit_server_name,
			       .fact = FACT_SERVER_NAME },
	[UNIT_VIRTUAL_HOST] = { .name = "virtual-host",
				.run = unit_virtual_host,
				.fact = FACT_SAME_ROUTES },
	[UNIT_CONFIGURATION] = { .name = "configuration",
				 .run = unit_configuration,
				 .object = OBJECT_CONTOUR_CONFIGURATION },
	[UNIT_FALLBACK] = { .name = "fallback", .run = unit_fallback, .fact = FACT_FALLBACK },
	[UNIT_TABLE] = { .name = "table", .run = unit_table, .always = tables },
};

const struct index_row units_indexes[] = {
	{ OBJECT_ENDPOINT_SLICE, INDEX_SLICES_OF_SERVICE, endpoints_index },
	{ OBJECT_INGRESS_CLASS, INDEX_DEFAULT_CLASSES, ingress_class_index },
	{ OBJECT_TLS_CERTIFICATE_DELEGATION, INDEX_DELEGATIONS, delegation_index },
};
const size_t units_n_indexes = ARRAY_SIZE(units_indexes);

void units_split_key(struct reader *r, const char *key, const char **ret_namespace, const char **ret_name)
{
	const char *slash = strchr(key, '/');

	*ret_namespace = arena_strndup(reader_arena(r), key, slash ? (size_t)(slash - key) : 0);
	*ret_name = slash ? slash + 1 : key;
}

const char *units_annotation(const K8s__ObjectMeta *meta, const char *name)
{
	for (size_t i = 0; meta && i < meta->n_annotations; i++)
		if (strcmp(meta->annotations[i]->key, name) == 0)
			return meta->annotations[i]->value;
	return NULL;
}

void units_result(struct reader *r, const ProtobufCMessage *m)
{
	size_t len;
	uint8_t *packed = reader_pack(r, m, &len);

	emit_result(r, packed, len);
}

void units_want_host(struct reader *r, const char *host, const char *sort,
		     const Portolan__Model__HostRoutes *routes)
{
	const char *domain = strchr(host, '.'), *above;
	size_t len, host_len = strlen(host) + 1;
	uint8_t *packed = reader_pack(r, &routes->base, &len);
	char *key;

	emit_fact(r, FACT_HOST, host, strlen(host), sort, strlen(sort), packed, len);
	if (!domain || *host == '*' || !(routes->tls || routes->tcp))
		return;
	above = arena_printf(reader_arena(r), "*%s", domain);
	key = arena_alloc(reader_arena(r), host_len + strlen(sort));
	memcpy(key, host, host_len);
	memcpy(key + host_len, sort, strlen(sort));
	emit_fact(r, FACT_BELOW, above, strlen(above), key, host_len + strlen(sort), NULL, 0);
}

const Portolan__Model__SecretResult *units_secret(struct reader *r, const char *key)
{
	const struct item *i = read_unit(r, UNIT_SECRET, key, strlen(key));

	return portolan__model__secret_result__unpack(arena_pb(reader_arena(r)), i->value_len, item_value(i));
}

const char *units_reference(struct reader *r, const K8s__ConfigReference *ref)
{
	if (!ref || !*ref->name || !*ref->namespace_)
		return NULL;
	return arena_printf(reader_arena(r), "%s/%s", ref->namespace_, ref->name);
}

void units_secret_kept(struct reader *r, enum object_kind kind, const char *key, const char *reason,
		       const char *field, const char *secret, const Portolan__Model__SecretResult *facts)
{
	if (!facts->kept)
		return;
	units_error(r, kind, key, reason, field, "Secret %s: %s", secret, facts->message);
	emit_verdict(r, kind, key, PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
}

const char **units_hosts_below(struct reader *r, const char *host, size_t *ret_n)
{
	const struct item *const *facts = NULL;
	const char **names;
	size_t n = 0, kept = 0;

	if (*host == '*')
		facts = read_facts(r, FACT_BELOW, host, strlen(host), &n);
	names = arena_new_of(reader_arena(r), const char *, n + 1);
	for (size_t i = 0; i < n; i++)
		if (!kept || strcmp(names[kept - 1], facts[i]->data) != 0)
			names[kept++] = facts[i]->data;
	*ret_n = kept;
	return names;
}
