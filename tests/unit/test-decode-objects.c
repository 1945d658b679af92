/* Documents to objects: common/decode/decode.c with its rules. */
#include <json-c/json.h>

#include "common/decode/decode.h"
#include "common/decode/object-kind.h"
#include "k8s/core.pb-c.h"
#include "tests/lib/dump.h"
#include "tests/lib/test.h"

/* "Kind key@line {message}" or "? Kind key", then the problems. */
static void record(void *ctx, const struct decoded *o)
{
	const struct object_kind_row *row = object_kind(o->kind);
	struct strbuf *out = ctx;

	strbuf_printf(out, "%s%s %s@%u", o->value ? "" : "? ", row ? row->kind : "-",
		      o->key ? o->key : "-", o->line);
	if (o->value) {
		strbuf_putc(out, ' ');
		dump_bytes(out, row->descriptor, o->value, o->value_len);
		CHECK(o->metadata);
	}
	strbuf_putc(out, '\n');
	for (size_t i = 0; i < o->n_problems; i++) {
		decode_problem_print(out, "f", o->document, &o->problems[i]);
		strbuf_putc(out, '\n');
	}
}

static void check_text(enum decode_format format, const char *text, const char *expected)
{
	_cleanup_(decoder_freep) struct decoder *d = decoder_new(NULL);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	decode_text(d, format, text, strlen(text), record, &out, NULL);
	CHECK_STR(strbuf_str(&out), expected);
}

#define META(name) "metadata: {name: \"" name "\", namespace: \"default\"}"

TEST(an_ingress_is_read_with_the_members_that_go_embeds)
{
	check_text(
		DECODE_YAML,
		"apiVersion: networking.k8s.io/v1\n"
		"kind: Ingress\n"
		"metadata:\n"
		"  name: web\n"
		"  namespace: shop\n"
		"  annotations: {b: x, a: z}\n"
		"  creationTimestamp: null\n"
		"  managedFields: [{manager: kubectl}]\n"
		"spec:\n"
		"  rules:\n"
		"  - host: a.example\n"
		"    http:\n"
		"      paths:\n"
		"      - path: /\n"
		"        pathType: Prefix\n"
		"        backend: {service: {name: web, port: {number: 80}}}\n"
		"  - {}\n"
		"status: {loadBalancer: {}}\n",
		"Ingress shop/web@1 {metadata: {name: \"web\", namespace: \"shop\", annotations: "
		"[{key: \"a\", value: \"z\"}, {key: \"b\", value: \"x\"}]}, "
		"spec: {rules: [{host: \"a.example\", ingress_rule_value: {http: {paths: [{path: "
		"\"/\", "
		"backend: {service: {name: \"web\", port: {number: 80}}}, path_type: "
		"\"Prefix\"}]}}}, {}]}, "
		"status: {load_balancer: {}}}\n");
}

TEST(the_api_servers_defaults_are_filled_in)
{
	check_text(DECODE_YAML,
		   "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
		   "spec: {ports: [{name: a, port: 80}, {name: b, port: 81, protocol: UDP, "
		   "targetPort: web}, {name: c, port: 82, targetPort: 0}]}\n",
		   "Service default/s@1 {" META(
			   "s") ", spec: {ports: ["
				"{name: \"a\", protocol: \"TCP\", port: 80, target_port: {int_val: "
				"80}}, "
				"{name: \"b\", protocol: \"UDP\", port: 81, target_port: {type: 1, "
				"str_val: "
				"\"web\"}}, "
				"{name: \"c\", protocol: \"TCP\", port: 82, target_port: {int_val: "
				"82}}], "
				"type: \"ClusterIP\", session_affinity: \"None\"}}\n");
	check_text(DECODE_YAML,
		   "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\n"
		   "addressType: IPv4\nports: [{port: 80}, {}]\n"
		   "endpoints: [{addresses: [10.0.0.1], conditions: {ready: false}}, {addresses: "
		   "[10.0.0.2], "
		   "conditions: {}}]\n",
		   "EndpointSlice default/e@1 {" META(
			   "e") ", endpoints: [{addresses: [\"10.0.0.1\"], "
				"conditions: {ready: false}}, {addresses: [\"10.0.0.2\"], "
				"conditions: {}}], "
				"ports: [{name: \"\", protocol: \"TCP\", port: 80}, {name: \"\", "
				"protocol: \"TCP\"}], "
				"address_type: \"IPv4\"}\n");
	check_text(DECODE_YAML,
		   "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a, a: "
		   "b}}\n",
		   "Namespace /shop@1 {metadata: {name: \"shop\", labels: [{key: \"a\", value: "
		   "\"b\"}, "
		   "{key: \"kubernetes.io/metadata.name\", value: \"shop\"}, {key: \"team\", "
		   "value: \"a\"}]}}\n");
	check_text(DECODE_YAML,
		   "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: c}\n"
		   "spec: {controller: x/y, parameters: {apiGroup: g, kind: K, name: p}}\n",
		   "IngressClass /c@1 {metadata: {name: \"c\"}, spec: {controller: \"x/y\", "
		   "parameters: "
		   "{api_group: \"g\", kind: \"K\", name: \"p\", scope: \"Cluster\"}}}\n");
}

TEST(string_data_of_a_secret_becomes_data_and_wins)
{
	check_text(DECODE_YAML,
		   "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
		   "data: {b: b2xk, a: YQ==}\nstringData: {c: see, b: new}\n",
		   "Secret default/s@1 {" META(
			   "s") ", data: [{key: \"a\", value: <a>}, {key: \"b\", value: "
				"<new>}, {key: \"c\", value: <see>}], type: \"Opaque\"}\n");
}

TEST(kubectls_copy_of_the_object_is_dropped)
{
	check_text(DECODE_YAML,
		   "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  annotations:\n"
		   "    a: b\n    kubectl.kubernetes.io/last-applied-configuration: '{}'\n",
		   "ConfigMap default/c@1 {metadata: {name: \"c\", namespace: \"default\", "
		   "annotations: "
		   "[{key: \"a\", value: \"b\"}]}}\n");
}

TEST(an_unreadable_document_loses_only_itself)
{
	check_text(DECODE_YAML,
		   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
		   "---\n"
		   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [b}\n"
		   "---\n"
		   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {x: 5, z: [1]}\n"
		   "---\n"
		   "just text\n"
		   "---\n"
		   "# nothing\n"
		   "---\n"
		   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\n",
		   "ConfigMap default/a@1 {" META(
			   "a") "}\n"
				"? - -@4\n"
				"f, document 2, line 7: not valid YAML: did not find expected ',' "
				"or ']', while parsing a "
				"flow sequence\n"
				"? ConfigMap default/c@9\n"
				"f, document 3, line 12: data[x]: must be a string, not a number: "
				"quote it\n"
				"f, document 3, line 12: data[z]: must be a string, not a list\n"
				"? - -@14\n"
				"f, document 4, line 14: must be an object with apiVersion and "
				"kind, not a string\n"
				"ConfigMap default/d@18 {" META("d") "}\n");
}

TEST(a_quote_that_is_never_closed_ends_with_its_document)
{
	check_text(DECODE_YAML,
		   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"a}\n"
		   "---\n"
		   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
		   "? - -@1\n"
		   "f, document 1, line 4: not valid YAML: found unexpected end of stream, while "
		   "scanning a "
		   "quoted scalar\n"
		   "ConfigMap default/b@5 {" META("b") "}\n");
}

TEST(lists_are_unfolded_and_an_item_loses_only_itself)
{
	check_text(
		DECODE_YAML,
		"apiVersion: v1\nkind: List\nitems:\n"
		"- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
		"- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: []}\n"
		"- {apiVersion: apps/v1, kind: Deployment, metadata: {name: d}}\n"
		"- {kind: ConfigMap}\n"
		"- 5\n"
		"- {apiVersion: v1, kind: ConfigMap, metadata: {name: e}, typo: 1}\n",
		"ConfigMap default/a@4 {" META(
			"a") "}\n"
			     "? ConfigMap default/b@5\n"
			     "f, document 1, line 5: items[1].data: must be a mapping, not a list\n"
			     "? - -@7\n"
			     "f, document 1, line 7: items[3].apiVersion: must be there\n"
			     "? - -@8\n"
			     "f, document 1, line 8: items[4]: must be an object with apiVersion "
			     "and kind, not a number\n"
			     "ConfigMap default/e@9 {" META(
				     "e") "}\n"
					  "f, document 1, line 9: items[5].typo: unknown field, "
					  "not read\n");
	check_text(
		DECODE_JSON,
		"{\"apiVersion\": \"v1\", \"kind\": \"ConfigMapList\", \"metadata\": {}, "
		"\"items\": [\n"
		"{\"metadata\": {\"name\": \"a\"}},\n{\"metadata\": {\"name\": \"b\"}}]}\n",
		"ConfigMap default/a@2 {" META("a") "}\nConfigMap default/b@3 {" META("b") "}\n");
}

TEST(lists_in_lists_are_unfolded)
{
	check_text(DECODE_YAML,
		   "apiVersion: v1\nkind: List\nitems:\n"
		   "- apiVersion: v1\n  kind: List\n  items:\n"
		   "  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
		   "- apiVersion: v1\n  kind: ConfigMapList\n  items:\n"
		   "  - {metadata: {name: b}}\n"
		   "  - {metadata: {name: c}, data: []}\n",
		   "ConfigMap default/a@7 {" META(
			   "a") "}\n"
				"ConfigMap default/b@11 {" META(
					"b") "}\n"
					     "? ConfigMap default/c@12\n"
					     "f, document 1, line 12: items[1].items[1].data: must "
					     "be a mapping, not a list\n");
}

TEST(objects_of_other_kinds_are_passed_over)
{
	_cleanup_(decoder_freep) struct decoder *d = decoder_new(NULL);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct decode_counts counts;
	static const char text[] =
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: [1]}\n"
		"---\napiVersion: serving.knative.dev/v1\nkind: Service\n"
		"---\napiVersion: apps/v1\nkind: DeploymentList\nitems: [{}, {}]\n"
		"---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";

	decode_text(d, DECODE_YAML, text, sizeof(text) - 1, record, &out, &counts);
	CHECK_STR(strbuf_str(&out), "Secret default/s@12 {" META("s") ", type: \"Opaque\"}\n");
	CHECK_EQ(counts.objects, 1);
	CHECK_EQ(counts.unreadable, 0);
	CHECK_EQ(counts.ignored, 4);
}

TEST(a_version_that_is_gone_is_said_not_passed_over)
{
	check_text(DECODE_YAML, "apiVersion: extensions/v1beta1\nkind: Ingress\n",
		   "? - -@1\nf, document 1, line 1: apiVersion: Ingress of extensions/v1beta1 is "
		   "not read: use "
		   "networking.k8s.io/v1\n");
	check_text(DECODE_YAML, "apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\n",
		   "? - -@1\nf, document 1, line 1: apiVersion: EndpointSlice of "
		   "discovery.k8s.io/v1beta1 is "
		   "not read: use discovery.k8s.io/v1\n");
}

TEST(names_are_checked_as_the_api_server_does)
{
	check_text(DECODE_YAML, "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: x}\n",
		   "? ConfigMap -@1\nf, document 1, line 3: metadata.name: must be there\n");
	/* Said once where it is of another type. */
	check_text(DECODE_YAML, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: no}\n",
		   "? ConfigMap -@1\nf, document 1, line 3: metadata.name: must be a string, not a "
		   "boolean: quote it\n");
	check_text(DECODE_YAML, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a/b}\n",
		   "? ConfigMap -@1\nf, document 1, line 3: metadata.name: must be lower-case "
		   "letters, digits, "
		   "\"-\" and \".\", each part beginning and ending with a letter or digit\n");
	check_text(DECODE_YAML, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a.b-c}\n",
		   "ConfigMap default/a.b-c@1 {" META("a.b-c") "}\n");
	check_text(DECODE_YAML, "apiVersion: v1\nkind: Service\nmetadata: {name: a.b}\n",
		   "? Service default/a.b@1\nf, document 1, line 3: metadata.name: must be 1 to 63 "
		   "lower-case "
		   "letters, digits and \"-\", beginning and ending with a letter or digit\n");
	check_text(
		DECODE_YAML,
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: Shop}\n",
		"? ConfigMap Shop/a@1\nf, document 1, line 3: metadata.namespace: must be 1 to 63 "
		"lower-case letters, digits and \"-\", beginning and ending with a letter or "
		"digit\n");
	check_text(DECODE_YAML,
		   "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}\n",
		   "Namespace /a@1 {metadata: {name: \"a\", labels: [{key: "
		   "\"kubernetes.io/metadata.name\", "
		   "value: \"a\"}]}}\n"
		   "f, document 1, line 3: metadata.namespace: objects of kind Namespace are in no "
		   "namespace: "
		   "not read\n");
}

TEST(a_wrong_value_of_a_secret_is_never_shown)
{
	check_text(
		DECODE_YAML,
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {tls.key: hush hush}\n",
		"? Secret default/s@1\nf, document 1, line 4: data[tls.key]: must be base64\n");
}

/* ---- the canonical form ---- */

struct bytes {
	uint8_t value[4096];
	size_t len;
};

static void keep_bytes(void *ctx, const struct decoded *o)
{
	struct bytes *b = ctx;

	CHECK(o->value && o->value_len <= sizeof(b->value));
	memcpy(b->value, o->value, o->value_len);
	b->len = o->value_len;
}

static void text_bytes(enum decode_format format, const char *text, struct bytes *ret)
{
	_cleanup_(decoder_freep) struct decoder *d = decoder_new(NULL);
	struct decode_counts counts;

	decode_text(d, format, text, strlen(text), keep_bytes, ret, &counts);
	CHECK_EQ(counts.objects, 1);
}

static void check_same(const struct bytes *a, const struct bytes *b)
{
	CHECK_EQ(a->len, b->len);
	CHECK(memcmp(a->value, b->value, a->len) == 0);
}

static const char service_json[] =
	"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"s\", "
	"\"namespace\": "
	"\"n\", \"labels\": {\"x\": \"1\", \"y\": \"2\", \"a\": \"3\"}, \"generation\": 0}, "
	"\"spec\": "
	"{\"type\": \"ClusterIP\", \"sessionAffinity\": \"None\", \"clusterIP\": \"10.0.0.1\", "
	"\"clusterIPs\": [\"10.0.0.1\"], \"ports\": [{\"name\": \"\", \"port\": 80, \"protocol\": "
	"\"TCP\", "
	"\"targetPort\": 80}]}}";

TEST(the_order_of_fields_and_keys_does_not_matter)
{
	struct bytes a, b;

	text_bytes(DECODE_JSON, service_json, &a);
	text_bytes(
		DECODE_YAML,
		"spec:\n  ports:\n  - targetPort: 80\n    port: 80\n    nodePort: 0\n"
		"  clusterIPs: [10.0.0.1]\n  clusterIP: 10.0.0.1\n  healthCheckNodePort: 0\n"
		"metadata:\n  labels: {a: '3', \"y\": '2', x: '1'}\n  namespace: 'n'\n  name: s\n"
		"kind: Service\napiVersion: v1\n",
		&b);
	check_same(&a, &b);
}

/* protobuf-c's strings are not const. */
static char *str(const char *s)
{
	return (char *)(uintptr_t)s;
}

TEST(an_object_of_the_api_is_the_same_as_json_and_as_protobuf)
{
	_cleanup_(decoder_freep) struct decoder *d = decoder_new(NULL);
	struct json_object *o = json_tokener_parse(service_json);
	K8s__ObjectMeta__LabelsEntry l[3], *labels[3] = { &l[0], &l[1], &l[2] };
	static const char *const keys[] = { "y", "x", "a" }, *const values[] = { "2", "1", "3" };
	K8s__Service s = K8S__SERVICE__INIT;
	K8s__ObjectMeta m = K8S__OBJECT_META__INIT;
	K8s__ServiceSpec spec = K8S__SERVICE_SPEC__INIT;
	K8s__ServicePort p = K8S__SERVICE_PORT__INIT, *ports[] = { &p };
	K8s__IntOrString target = K8S__INT_OR_STRING__INIT;
	K8s__Time unset = K8S__TIME__INIT;
	char *ips[] = { str("10.0.0.1") };
	uint8_t packed[1024];
	struct bytes file, json, protobuf;
	size_t n;

	text_bytes(DECODE_JSON, service_json, &file);
	decode_json_object(d, OBJECT_SERVICE, o, keep_bytes, &json);
	check_same(&file, &json);
	(void)json_object_put(o);

	/* As Go writes it: zeros of fields without a pointer are present, maps are in any order. */
	for (size_t i = 0; i < 3; i++) {
		k8s__object_meta__labels_entry__init(&l[i]);
		l[i].key = str(keys[i]);
		l[i].value = str(values[i]);
	}
	m.name = str("s");
	m.namespace_ = str("n");
	m.uid = str("");
	m.has_generation = 1;
	m.creation_timestamp = &unset;
	m.labels = labels;
	m.n_labels = 3;
	target.has_type = target.has_int_val = 1;
	target.int_val = 80;
	target.str_val = str("");
	p.name = str("");
	p.protocol = str("TCP");
	p.has_port = 1;
	p.port = 80;
	p.has_node_port = 1;
	p.target_port = &target;
	spec.type = str("ClusterIP");
	spec.session_affinity = str("None");
	spec.cluster_ip = ips[0];
	spec.cluster_ips = ips;
	spec.n_cluster_ips = 1;
	spec.external_name = str("");
	spec.has_publish_not_ready_addresses = 1;
	spec.ports = ports;
	spec.n_ports = 1;
	s.metadata = &m;
	s.spec = &spec;
	n = k8s__service__pack(&s, packed);
	/* A field that our schema does not have. */
	memcpy(packed + n, "\xf2\x06\x03new", 6);
	decode_protobuf(d, OBJECT_SERVICE, packed, n + 6, keep_bytes, &protobuf);
	check_same(&file, &protobuf);
}

TEST(bytes_that_are_no_protobuf_are_unreadable)
{
	_cleanup_(decoder_freep) struct decoder *d = decoder_new(NULL);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	decode_protobuf(d, OBJECT_SECRET, "\x0a\xff\x01x", 4, record, &out);
	/* metadata.name that is not UTF-8 */
	decode_protobuf(d, OBJECT_SECRET, "\x0a\x03\x0a\x01\xff", 5, record, &out);
	CHECK_STR(strbuf_str(&out), "? Secret -@0\nf: not a valid protobuf encoding of Secret\n"
				    "? Secret -@0\nf: not a valid protobuf encoding of Secret\n");
}

TEST(an_object_of_the_api_gets_no_defaults)
{
	_cleanup_(decoder_freep) struct decoder *d = decoder_new(NULL);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct json_object *o =
		json_tokener_parse("{\"metadata\": {\"name\": \"s\", \"namespace\": \"n\"}, "
				   "\"spec\": {\"ports\": [{\"port\": "
				   "80}]}}");

	decode_json_object(d, OBJECT_SERVICE, o, record, &out);
	CHECK_STR(strbuf_str(&out),
		  "Service n/s@0 {metadata: {name: \"s\", namespace: \"n\"}, spec: {ports: "
		  "[{port: 80}]}}\n");
	(void)json_object_put(o);
}

/* ---- bounds and schemas ---- */

TEST(the_number_of_objects_in_a_file_is_bounded)
{
	struct decode_limits limits = DECODE_LIMITS_DEFAULT;
	_cleanup_(decoder_freep) struct decoder *d = NULL;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	static const char text[] = "{apiVersion: v1, kind: List, items: [{}, {}]}\n"
				   "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
				   "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
				   "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n";

	limits.objects = 3;
	d = decoder_new(&limits);
	decode_text(d, DECODE_YAML, text, sizeof(text) - 1, record, &out, NULL);
	CHECK(strstr(strbuf_str(&out), "ConfigMap default/a@3"));
	CHECK(strstr(strbuf_str(&out),
		     "f, document 3, line 5: the file has more than 3 objects: the rest is "
		     "not read\n"));
	CHECK(!strstr(strbuf_str(&out), "document 4"));
}

static void check_acyclic(const ProtobufCMessageDescriptor *type, int depth)
{
	/* protobuf-c has no limit to recursion, so schemas must have one. */
	CHECK(depth < 32);
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			check_acyclic(type->fields[i].descriptor, depth + 1);
}

TEST(every_kind_has_its_metadata_first_and_no_message_holds_itself)
{
	size_t n = 0;

	for (unsigned k = 0; k < OBJECT_KIND_MAX_; k++) {
		const struct object_kind_row *row = object_kind(k);

		if (!row)
			continue;
		CHECK(row->descriptor->fields[0].descriptor == &k8s__object_meta__descriptor);
		CHECK_EQ(row->descriptor->fields[0].id, 1);
		CHECK_EQ(object_kind_named(row->plural), k);
		check_acyclic(row->descriptor, 0);
		n++;
	}
	CHECK(n >= 7);
	CHECK_EQ(object_kind_find("networking.k8s.io/v1", "Ingress"), OBJECT_INGRESS);
	CHECK_EQ(object_kind_find("networking.k8s.io", "Ingress"), 0);
	CHECK_EQ(object_kind_find("v1", "Ingress"), 0);
	CHECK_EQ(object_kind_find("v1", "Service"), OBJECT_SERVICE);
	CHECK_EQ(object_kind_named("SVC"), OBJECT_SERVICE);
}

TEST(older_versions_of_gateway_api_are_read_as_the_newest)
{
	static const struct {
		const char *api, *kind;
		unsigned is;
	} known[] = {
		{ "gateway.networking.k8s.io/v1", "HTTPRoute", OBJECT_HTTP_ROUTE },
		{ "gateway.networking.k8s.io/v1beta1", "HTTPRoute", OBJECT_HTTP_ROUTE },
		{ "gateway.networking.k8s.io/v1alpha2", "HTTPRoute", 0 },
		{ "gateway.networking.k8s.io/v1alpha3", "TLSRoute", OBJECT_TLS_ROUTE },
		{ "gateway.networking.k8s.io/v1alpha2", "TLSRoute", OBJECT_TLS_ROUTE },
		{ "gateway.networking.k8s.io/v1alpha", "TLSRoute", 0 },
		{ "gateway.networking.k8s.io/v1beta1", "ReferenceGrant", OBJECT_REFERENCE_GRANT },
		{ "gateway.networking.k8s.io/v1alpha3", "BackendTLSPolicy",
		  OBJECT_BACKEND_TLS_POLICY },
		{ "gateway.networking.x-k8s.io/v1alpha1", "XBackend", OBJECT_X_BACKEND },
		{ "gateway.networking.k8s.io/v1alpha1", "XBackend", 0 },
		{ "certificates.k8s.io/v1beta1", "ClusterTrustBundle",
		  OBJECT_CLUSTER_TRUST_BUNDLE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		CHECK_EQ(object_kind_find(known[i].api, known[i].kind), known[i].is);
}

/* ---- Gateway API from files (proto/k8s/gateway.proto, common/decode/gateway-rules.c) ---- */

#define ROUTE(spec)                                      \
	"apiVersion: gateway.networking.k8s.io/v1\n"     \
	"kind: HTTPRoute\n"                              \
	"metadata: {name: r, creationTimestamp: null}\n" \
	"spec: " spec "\n"

TEST(an_http_route_is_completed_as_by_the_api_server)
{
	/* Kinds, weights and matches (V-DEF-1, V-DEF-2), and generation 1 (V-DEF-4). */
	check_text(
		DECODE_YAML,
		ROUTE("{parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}"),
		"HTTPRoute default/r@1 {metadata: {name: \"r\", namespace: \"default\", "
		"generation: 1}, spec: {parent_refs: [{group: \"gateway.networking.k8s.io\", "
		"kind: \"Gateway\", name: \"g\"}], rules: [{matches: [{path: {type: "
		"\"PathPrefix\", value: \"/\"}}], backend_refs: [{kind: \"Service\", name: "
		"\"s\", port: 80, weight: 1}]}]}}\n");
}

TEST(what_the_api_server_would_refuse_is_named_with_its_place)
{
	check_text(DECODE_YAML,
		   ROUTE("{hostnames: [a_b], rules: [{filters: [{type: URLRewrite}]}]}"),
		   "? HTTPRoute default/r@1\n"
		   "f, document 1, line 4: spec.hostnames[0]: must match "
		   "^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$, "
		   "unlike \"a_b\"\n"
		   "f, document 1, line 4: spec.rules[0].filters[0].urlRewrite: must be there with "
		   "type: URLRewrite\n");
}
