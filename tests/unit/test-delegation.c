/* translator/resolve/delegation: which namespaces may use a Secret of another */
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "k8s/projectcontour.pb-c.h"
#include "tests/lib/test.h"
#include "translator/graph/graph.h"
#include "translator/kinds.h"
#include "translator/resolve/delegation.h"

/* The unit under test resolves this, with this result. */
static struct {
	const char *text, *from;
	int r;
	char key[64];
} asked;

static void resolve(struct reader *r, const char *key, size_t len)
{
	const char *found = "", *why;

	(void)key;
	(void)len;
	asked.r = delegation_resolve(r, asked.text, asked.from, &found, &why);
	(void)snprintf(asked.key, sizeof(asked.key), "%s", found);
	if (asked.r < 0)
		CHECK(strstr(why, "TLSCertificateDelegation"));
}

static const char *const always[] = { "only", NULL };
static const struct unit_row units[UNIT_KIND_MAX_] = {
	[UNIT_TABLE] = { .name = "test", .run = resolve, .always = always },
};
static const struct index_row indexes[] = {
	{ OBJECT_TLS_CERTIFICATE_DELEGATION, INDEX_DELEGATIONS, delegation_index },
};

static void on_output(void *ctx, uint32_t kind, const char *key, size_t len, struct item *wanted)
{
	(void)ctx;
	(void)kind;
	(void)key;
	(void)len;
	(void)wanted;
}

static struct item *delegation(const char *key, const char *secret, char **targets, size_t n)
{
	K8s__TLSCertificateDelegation m = K8S__TLSCERTIFICATE_DELEGATION__INIT;
	K8s__TLSCertificateDelegationSpec spec = K8S__TLSCERTIFICATE_DELEGATION_SPEC__INIT;
	K8s__CertificateDelegation d = K8S__CERTIFICATE_DELEGATION__INIT, *all[] = { &d };
	uint8_t packed[512];
	size_t len;

	d.secret_name = (char *)secret;
	d.target_namespaces = targets;
	d.n_target_namespaces = n;
	spec.n_delegations = 1;
	spec.delegations = all;
	m.spec = &spec;
	len = protobuf_c_message_get_packed_size(&m.base);
	CHECK(len <= sizeof(packed));
	(void)protobuf_c_message_pack(&m.base, packed);
	return item_new(OBJECT_TLS_CERTIFICATE_DELEGATION, key, strlen(key), "", 0, packed, len);
}

TEST(a_secret_may_be_used_in_its_namespace_and_where_it_is_delegated)
{
	static const struct {
		const char *what;
		char *targets[2]; /* namespaces to which certs/web is delegated */
		const char *text, *from;
		const char *key; /* NULL: it may not */
	} rows[] = {
		{ "its own", { 0 }, "web", "apps", "apps/web" },
		{ "its own, with the namespace", { 0 }, "apps/web", "apps", "apps/web" },
		{ "not delegated", { 0 }, "certs/web", "apps", NULL },
		{ "delegated", { (char *)"apps" }, "certs/web", "apps", "certs/web" },
		{ "delegated to another", { (char *)"other" }, "certs/web", "apps", NULL },
		{ "the second",
		  { (char *)"other", (char *)"apps" },
		  "certs/web",
		  "apps",
		  "certs/web" },
		{ "to all", { (char *)"*" }, "certs/web", "apps", "certs/web" },
		{ "a star among others is a name",
		  { (char *)"*", (char *)"x" },
		  "certs/web",
		  "apps",
		  NULL },
		{ "another Secret", { (char *)"*" }, "certs/api", "apps", NULL },
		{ "a Secret of that name elsewhere", { (char *)"*" }, "more/web", "apps", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct state *objects = state_new(), *statuses = state_new();
		struct graph_config config = { .units = units,
					       .n_units = UNIT_KIND_MAX_,
					       .indexes = indexes,
					       .n_indexes = 1,
					       .objects = objects,
					       .statuses = statuses,
					       .output = on_output };
		struct graph *g = graph_new(&config);
		size_t n = (rows[i].targets[0] != NULL) + (rows[i].targets[1] != NULL);
		struct item *d = delegation("certs/d", "web", (char **)rows[i].targets, n);

		asked.text = rows[i].text;
		asked.from = rows[i].from;
		state_put(objects, d);
		graph_object_changed(g, NULL, d);
		graph_run(g);
		if ((asked.r == 0) != (rows[i].key != NULL) ||
		    (rows[i].key && strcmp(asked.key, rows[i].key) != 0)) {
			fprintf(stderr, "%s: %d %s\n", rows[i].what, asked.r, asked.key);
			exit(1);
		}
		graph_free(g);
		state_free(objects);
		state_free(statuses);
	}
}
