/* watcher/kube/kube-object.c: the parts of an object that go to the translator;
 * watcher/status/status-render.c: the status that comes back */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/decode/object-kind.h"
#include "k8s/core.pb-c.h"
#include "k8s/networking.pb-c.h"
#include "tests/lib/test.h"
#include "watcher/kube/kube-object.h"
#include "watcher/status/propagated-annotation.h"
#include "watcher/status/status-render.h"

static struct arena *arena;

static bool whole;

static struct kube_trimmed trim(unsigned kind, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *bytes;
	struct kube_trimmed t;

	if (!arena)
		arena = arena_new(4096);
	bytes = arena_alloc(arena, n + 1);
	(void)protobuf_c_message_pack(m, bytes);
	CHECK_EQ(kube_object_trim(arena, kind, bytes, n, whole, &t), 0);
	return t;
}

static K8s__Secret *secret(const char *type)
{
	K8s__Secret *s = arena_new_of(arena, K8s__Secret, 1);
	K8s__Secret__DataEntry *d = arena_new_of(arena, K8s__Secret__DataEntry, 1);

	k8s__secret__init(s);
	s->metadata = arena_new_of(arena, K8s__ObjectMeta, 1);
	k8s__object_meta__init(s->metadata);
	s->metadata->name = (char *)(uintptr_t)"a";
	s->type = (char *)(uintptr_t)type;
	k8s__secret__data_entry__init(d);
	d->key = (char *)(uintptr_t)"key";
	d->has_value = 1;
	d->value.data = (uint8_t *)(uintptr_t)"hidden";
	d->value.len = 6;
	s->data = arena_new_of(arena, K8s__Secret__DataEntry *, 1);
	s->data[0] = d;
	s->n_data = 1;
	return s;
}

static bool holds(const struct kube_trimmed *t, const char *text)
{
	return memmem(t->value, t->value_len, text, strlen(text)) != NULL;
}

TEST(data_of_a_secret_stays_only_where_it_can_be_referenced)
{
	static const struct {
		const char *type;
		bool stays;
	} cases[] = {
		{ "kubernetes.io/tls", true },
		{ "Opaque", true },
		{ "kubernetes.io/dockerconfigjson", false },
		{ "helm.sh/release.v1", false },
		{ "bootstrap.kubernetes.io/token", false },
	};

	arena = arena_new(4096);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kube_trimmed t = trim(OBJECT_SECRET, &secret(cases[i].type)->base);

		CHECK_EQ(holds(&t, "hidden"), cases[i].stays);
		CHECK(holds(&t, cases[i].type));
	}
}

TEST(data_of_a_config_map_stays_where_ingress_nginx_is_served)
{
	K8s__ConfigMap__DataEntry bundle = K8S__CONFIG_MAP__DATA_ENTRY__INIT,
				  setting = K8S__CONFIG_MAP__DATA_ENTRY__INIT,
				  *data[] = { &bundle, &setting };
	K8s__ObjectMeta meta = K8S__OBJECT_META__INIT;
	K8s__ConfigMap m = K8S__CONFIG_MAP__INIT;
	struct kube_trimmed t;

	meta.name = (char *)(uintptr_t)"controller";
	m.metadata = &meta;
	bundle.key = (char *)(uintptr_t)"ca.crt";
	bundle.value = (char *)(uintptr_t)"certificate";
	setting.key = (char *)(uintptr_t)"global-auth-url";
	setting.value = (char *)(uintptr_t)"http://auth.example/";
	m.data = data;
	for (int i = 0; i < 2; i++) {
		whole = i == 1;
		m.n_data = ARRAY_SIZE(data);
		t = trim(OBJECT_CONFIG_MAP, &m.base);
		CHECK(holds(&t, "certificate"));
		CHECK_EQ(holds(&t, "auth.example"), whole);
	}
	whole = false;
}

static struct kube_trimmed trim_ingress(const char *uid, const char *version, const char *address,
					const char *annotation)
{
	K8s__Ingress i = K8S__INGRESS__INIT;
	K8s__ObjectMeta m = K8S__OBJECT_META__INIT;
	K8s__ObjectMeta__AnnotationsEntry e = K8S__OBJECT_META__ANNOTATIONS_ENTRY__INIT,
					  *entries = &e;
	K8s__IngressStatus s = K8S__INGRESS_STATUS__INIT;
	K8s__IngressLoadBalancerStatus lb = K8S__INGRESS_LOAD_BALANCER_STATUS__INIT;
	K8s__IngressLoadBalancerIngress a = K8S__INGRESS_LOAD_BALANCER_INGRESS__INIT,
					*addresses = &a;

	m.uid = (char *)(uintptr_t)uid;
	m.resource_version = (char *)(uintptr_t)version;
	m.name = (char *)(uintptr_t)"web";
	e.key = (char *)(uintptr_t)annotation;
	e.value = (char *)(uintptr_t)"x";
	m.annotations = &entries;
	m.n_annotations = 1;
	i.metadata = &m;
	a.ip = (char *)(uintptr_t)address;
	lb.ingress = &addresses;
	lb.n_ingress = 1;
	s.load_balancer = &lb;
	i.status = &s;
	return trim(OBJECT_INGRESS, &i.base);
}

TEST(what_nobody_reads_does_not_tell_objects_apart)
{
	static const char last[] = "kubectl.kubernetes.io/last-applied-configuration";
	struct kube_trimmed a = trim_ingress("u1", "7", "192.0.2.1", last);
	struct kube_trimmed b = trim_ingress("u2", "8", "192.0.2.2", last);
	struct kube_trimmed c = trim_ingress("u1", "7", "192.0.2.1", "portolan.io/other");

	CHECK_EQ(a.value_len, b.value_len);
	CHECK(memcmp(a.value, b.value, a.value_len) == 0);
	CHECK(holds(&a, "web") && !holds(&a, "last-applied") && holds(&c, "portolan.io/other"));
	CHECK_STR(a.uid, "u1");
	CHECK_STR(b.version, "8");
	CHECK(a.status_len && memmem(a.status, a.status_len, "192.0.2.1", 9));
}

/* The status that an Ingress with that address is to have. */
static const char *render(const char *address, int verdict, const struct address *list, size_t n,
			  struct strbuf *json)
{
	struct kube_trimmed t = trim_ingress("u", "1", address, "a");
	struct kube_object object = { .status = t.status, .status_len = t.status_len };
	Portolan__Ipc__ObjectStatus status = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	struct status_input in = { .arena = arena,
				   .object = &object,
				   .status = &status,
				   .addresses = list,
				   .n_addresses = n,
				   .addresses_known = list != NULL };

	status.verdict = (Portolan__Ipc__Verdict)verdict;
	strbuf_clear(json);
	return status_render_row(OBJECT_INGRESS)->render(&in, json) ? strbuf_str(json) : "";
}

TEST(an_ingress_status_is_written_only_where_it_differs_and_is_ours)
{
	static struct address one[] = { { true, (char *)(uintptr_t)"192.0.2.1" } };
	static struct address two[] = { { true, (char *)(uintptr_t)"2001:db8::1" },
					{ false, (char *)(uintptr_t)"lb.example" } };
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;
	int accepted = PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED;

	CHECK_STR(render("192.0.2.1", accepted, one, 1, &json), "");
	CHECK_STR(render("192.0.2.9", accepted, one, 1, &json),
		  "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\"}]}}");
	CHECK_STR(render("192.0.2.1", accepted, two, 2, &json),
		  "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"2001:db8::1\"},{\"hostname\":\"lb."
		  "example\"}]}}");
	/* No longer there, and not known: two things. */
	CHECK_STR(render("192.0.2.1", accepted, one, 0, &json),
		  "{\"loadBalancer\":{\"ingress\":null}}");
	CHECK_STR(render("192.0.2.1", accepted, NULL, 0, &json), "");
	CHECK_STR(render("192.0.2.9", PORTOLAN__IPC__VERDICT__VERDICT_IGNORED, one, 1, &json), "");
	CHECK(!status_render_row(OBJECT_SERVICE));
}

TEST(what_we_write_on_an_ingress_is_no_part_of_it)
{
	struct kube_trimmed a = trim_ingress("u", "7", "192.0.2.1", KUBE_PROPAGATED);
	struct kube_trimmed b = trim_ingress("u", "8", "192.0.2.1",
					     "kubectl.kubernetes.io/last-applied-configuration");

	CHECK(a.propagated && !b.propagated);
	CHECK_EQ(a.value_len, b.value_len);
	CHECK(memcmp(a.value, b.value, a.value_len) == 0);
}

/* The annotation of an Ingress of generation 3 that has `present`, for a condition that is about
 * the generation `about` and came with the verdict of generation 3. */
static const char *annotate(const char *present, int condition, const char *reason, int64_t about,
			    int verdict, struct strbuf *value)
{
	_cleanup_(item_unrefp) struct item *item = item_new(OBJECT_INGRESS, "a/b", 3, "", 0, "", 0);
	struct kube_object object = { .item = item,
				      .generation = 3,
				      .propagated = (char *)(uintptr_t)present };
	Portolan__Ipc__ObjectStatus status = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	Portolan__Ipc__Condition c = PORTOLAN__IPC__CONDITION__INIT;
	struct status_input in = { .arena = arena, .object = &object, .status = &status };

	c.has_status = 1;
	c.status = (Portolan__Ipc__ConditionStatus)condition;
	c.reason = (char *)(uintptr_t)reason;
	status.verdict = (Portolan__Ipc__Verdict)verdict;
	status.observed_generation = 3;
	status.propagated_generation = about;
	status.propagated = reason ? &c : NULL;
	strbuf_clear(value);
	return propagated_annotation_render(&in, value) ? strbuf_str(value) : "";
}

TEST(an_ingress_says_once_for_each_generation_whether_envoys_have_it)
{
	enum {
		YES = PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE,
		NO = PORTOLAN__IPC__CONDITION_STATUS__CONDITION_FALSE,
		UNKNOWN = PORTOLAN__IPC__CONDITION_STATUS__CONDITION_UNKNOWN,
		OURS = PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED,
		IGNORED = PORTOLAN__IPC__VERDICT__VERDICT_IGNORED,
	};
	static const struct {
		const char *present;
		int condition;
		const char *reason;
		int64_t about;
		int verdict;
		const char *wanted;
	} cases[] = {
		{ NULL, YES, "Accepted", 3, OURS, "3 True Accepted" },
		{ "2 True Accepted", YES, "Accepted", 3, OURS, "3 True Accepted" },
		{ "3 True Accepted", YES, "Accepted", 3, OURS, "" },
		{ "3 Unknown Pending", YES, "Accepted", 3, OURS, "3 True Accepted" },
		{ "3 True Accepted", NO, "RejectedByEnvoy", 3, OURS, "3 False RejectedByEnvoy" },
		/* What has arrived is not pending again, as after a restart. */
		{ "3 True Accepted", UNKNOWN, "Pending", 3, OURS, "" },
		{ "2 True Accepted", UNKNOWN, "Pending", 3, OURS, "3 Unknown Pending" },
		{ "somebody's", YES, "Accepted", 3, OURS, "3 True Accepted" },
		{ "", YES, "Accepted", 3, OURS, "3 True Accepted" },
		/* Not asked for, not ours, about another generation than the verdict. */
		{ NULL, YES, NULL, 3, OURS, "" },
		{ NULL, YES, "Accepted", 3, IGNORED, "" },
		{ NULL, YES, "Accepted", 2, OURS, "" },
		{ NULL, YES, "Accepted", 4, OURS, "" },
	};
	_cleanup_strbuf_ struct strbuf value = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)fprintf(stderr, "%s %s\n", cases[i].present ? cases[i].present : "",
			      cases[i].reason ? cases[i].reason : "");
		CHECK_STR(annotate(cases[i].present, cases[i].condition, cases[i].reason,
				   cases[i].about, cases[i].verdict, &value),
			  cases[i].wanted);
	}
	arena_free(arena);
}
