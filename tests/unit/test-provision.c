/* watcher/provision/: which of the translator's requests the watcher accepts */
#include "tests/lib/test.h"
#include "watcher/provision/owned-kind.h"
#include "watcher/provision/owned-object.h"
#include "watcher/provision/workload.h"

#define META(kind, api)                                                                     \
	"{\"apiVersion\":\"" api "\",\"kind\":\"" kind "\",\"metadata\":{\"name\":\"web\"," \
	"\"namespace\":\"ns\",\"labels\":{\"portolan.io/fleet\":\"1\"},\"annotations\":{}}"
#define CONTAINER "{\"name\":\"envoy\",\"securityContext\":{\"allowPrivilegeEscalation\":false}}"
#define POD(more)                                                                             \
	META("Deployment", "apps/v1")                                                         \
	",\"spec\":{\"template\":{\"spec\":{\"serviceAccountName\":\"web\","                  \
	"\"automountServiceAccountToken\":false,\"securityContext\":{\"runAsNonRoot\":true}," \
	"\"initContainers\":[" CONTAINER                                                      \
	"],\"volumes\":[{\"name\":\"run\",\"emptyDir\":{}}]," more "}}}}"
#define GOOD_POD POD("\"containers\":[" CONTAINER "]")

static const char *refusal(const char *kind, const char *text)
{
	struct json_object *o = json_tokener_parse(text);
	const char *why;

	CHECK(o);
	why = owned_kind_refuses(owned_kind_named(kind), o, "ns", "web");
	json_object_put(o);
	return why;
}

TEST(what_a_gateway_needs_passes)
{
	CHECK(!refusal("ServiceAccount",
		       META("ServiceAccount", "v1") ",\"automountServiceAccountToken\":false}"));
	CHECK(!refusal("Secret", META("Secret", "v1") ",\"type\":\"kubernetes.io/tls\"}"));
	CHECK(!refusal("Service", META("Service", "v1") ",\"spec\":{\"ports\":[]}}"));
	CHECK(!refusal("Deployment", GOOD_POD));
}

TEST(other_kinds_are_not_written)
{
	CHECK(!owned_kind_named("ClusterRoleBinding"));
	CHECK(!owned_kind_named("Pod"));
	/* One that says it is another. */
	CHECK(refusal("Secret", META("Service", "v1") "}"));
	CHECK(refusal("Deployment", META("Deployment", "apps/v1beta1") "}"));
}

TEST(metadata_are_the_watchers_to_complete)
{
	CHECK(refusal("Service", "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{"
				 "\"name\":\"web\",\"namespace\":\"other\",\"labels\":{"
				 "\"portolan.io/fleet\":\"1\"}}}"));
	CHECK(refusal("Service", "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{"
				 "\"name\":\"web\",\"namespace\":\"ns\",\"labels\":{}}}"));
	CHECK(refusal("Service", "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{"
				 "\"name\":\"web\",\"namespace\":\"ns\",\"labels\":{"
				 "\"portolan.io/fleet\":\"1\"},\"ownerReferences\":[]}}"));
}

TEST(a_secrets_content_is_not_the_translators)
{
	CHECK(refusal("Secret", META("Secret", "v1") ",\"data\":{\"a\":\"b\"}}"));
	CHECK(refusal("Secret", META("Secret", "v1") ",\"stringData\":{\"a\":\"b\"}}"));
	CHECK(refusal("ServiceAccount", META("ServiceAccount", "v1") ",\"secrets\":[]}"));
}

TEST(pods_that_ask_for_more_are_not_written)
{
	static const char *const bad[] = {
		POD("\"hostNetwork\":true,\"containers\":[" CONTAINER "]"),
		POD("\"hostPID\":true,\"containers\":[" CONTAINER "]"),
		POD("\"nodeName\":\"a\",\"containers\":[" CONTAINER "]"),
		POD("\"imagePullSecrets\":[],\"containers\":[" CONTAINER "]"),
		POD("\"containers\":[{\"name\":\"a\"}]"),
		POD("\"containers\":[{\"securityContext\":{\"allowPrivilegeEscalation\":true}}]"),
		POD("\"containers\":[{\"securityContext\":{\"allowPrivilegeEscalation\":false,"
		    "\"privileged\":true}}]"),
		POD("\"containers\":[{\"securityContext\":{\"allowPrivilegeEscalation\":false,"
		    "\"runAsUser\":0}}]"),
		POD("\"containers\":[{\"securityContext\":{\"allowPrivilegeEscalation\":false,"
		    "\"capabilities\":{\"add\":[\"SYS_ADMIN\"]}}}]"),
		POD("\"containers\":[{\"ports\":[{\"hostPort\":80}],\"securityContext\":{"
		    "\"allowPrivilegeEscalation\":false}}]"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(refusal("Deployment", bad[i]));
}

static const char *pod_with(const char *member, const char *value)
{
	struct json_object *o = json_tokener_parse(GOOD_POD), *spec;
	const char *why;

	spec = owned_get(o, "spec", "template", "spec", NULL);
	json_object_object_add(spec, member, json_tokener_parse(value));
	why = owned_kind_refuses(owned_kind_named("Deployment"), o, "ns", "web");
	json_object_put(o);
	return why;
}

TEST(a_pod_has_its_own_account_no_token_and_no_volume_of_the_nodes)
{
	CHECK(pod_with("serviceAccountName", "\"admin\""));
	CHECK(pod_with("automountServiceAccountToken", "true"));
	CHECK(pod_with("securityContext", "{}"));
	CHECK(pod_with("volumes", "[{\"name\":\"a\",\"hostPath\":{\"path\":\"/\"}}]"));
	CHECK(pod_with("volumes", "[{\"name\":\"a\",\"projected\":{\"sources\":[]}}]"));
	CHECK(!pod_with("volumes", "[{\"name\":\"a\",\"secret\":{\"secretName\":\"x\"}}]"));
	CHECK(!pod_with("volumes", "[{\"name\":\"a\",\"configMap\":{\"name\":\"x\"}}]"));
	CHECK(!pod_with("volumes",
			"[{\"name\":\"a\",\"persistentVolumeClaim\":{\"claimName\":\"x\"}}]"));
}

static bool within(const char *wanted, const char *live)
{
	struct json_object *a = json_tokener_parse(wanted), *b = json_tokener_parse(live);
	bool is = owned_is_within(a, b);

	json_object_put(a);
	json_object_put(b);
	return is;
}

TEST(what_others_add_is_no_difference_and_what_they_change_is)
{
	CHECK(within("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1,\"c\":2},\"d\":3}"));
	CHECK(within("{\"a\":[{\"b\":1}]}", "{\"a\":[{\"b\":1,\"c\":2}]}"));
	CHECK(!within("{\"a\":1}", "{\"a\":2}"));
	CHECK(!within("{\"a\":1}", "{}"));
	CHECK(!within("{\"a\":[1]}", "{\"a\":[1,2]}"));
	CHECK(!within("{\"a\":{\"b\":1}}", "{\"a\":1}"));
}

#define DEPLOYMENT(generation, observed, replicas, updated, available)              \
	"{\"metadata\":{\"generation\":" #generation "},\"spec\":{\"replicas\":2}," \
	"\"status\":{\"observedGeneration\":" #observed ",\"replicas\":" #replicas  \
	",\"updatedReplicas\":" #updated ",\"availableReplicas\":" #available "}}"
#define DAEMON_SET(observed, wanted, updated, available)                                 \
	"{\"metadata\":{\"generation\":2},\"status\":{\"observedGeneration\":" #observed \
	",\"desiredNumberScheduled\":" #wanted ",\"updatedNumberScheduled\":" #updated   \
	",\"numberAvailable\":" #available "}}"

static bool is_complete(const char *text, bool daemon_set)
{
	struct json_object *o = json_tokener_parse(text);
	bool is;

	CHECK(o);
	is = workload_is_complete(o, daemon_set);
	json_object_put(o);
	return is;
}

TEST(a_deployment_is_complete_when_only_new_pods_are_left_and_all_are_available)
{
	CHECK(is_complete(DEPLOYMENT(2, 2, 2, 2, 2), false));
	CHECK(is_complete(DEPLOYMENT(2, 3, 3, 3, 3), false));
	CHECK(!is_complete(DEPLOYMENT(2, 1, 2, 2, 2), false));
	CHECK(!is_complete(DEPLOYMENT(2, 2, 2, 1, 2), false));
	CHECK(!is_complete(DEPLOYMENT(2, 2, 3, 2, 2), false));
	CHECK(!is_complete(DEPLOYMENT(2, 2, 2, 2, 1), false));
	/* Nobody has looked at it yet. */
	CHECK(!is_complete("{\"metadata\":{\"generation\":1},\"spec\":{\"replicas\":0}}", false));
	/* One replica, if nothing is said. */
	CHECK(!is_complete("{\"metadata\":{},\"status\":{}}", false));
	CHECK(is_complete("{\"spec\":{\"replicas\":0}}", false));
}

TEST(a_daemon_set_is_complete_when_each_node_has_a_new_pod_that_is_available)
{
	CHECK(is_complete(DAEMON_SET(2, 3, 3, 3), true));
	CHECK(is_complete(DAEMON_SET(2, 0, 0, 0), true));
	CHECK(!is_complete(DAEMON_SET(1, 3, 3, 3), true));
	CHECK(!is_complete(DAEMON_SET(2, 3, 2, 3), true));
	CHECK(!is_complete(DAEMON_SET(2, 3, 3, 2), true));
	/* Its pods are replaced by hand, now or never. */
	CHECK(is_complete("{\"spec\":{\"updateStrategy\":{\"type\":\"OnDelete\"}},\"status\":{"
			  "\"desiredNumberScheduled\":3}}",
			  true));
}

TEST(a_workloads_images_are_those_of_all_its_containers)
{
	struct json_object *o = json_tokener_parse(
		"{\"spec\":{\"template\":{\"spec\":{\"initContainers\":[{\"image\":\"p:1\"}],"
		"\"containers\":[{\"image\":\"e:1\"},{\"image\":\"x:1\"}]}}}}");
	struct json_object *none = json_tokener_parse("{\"spec\":{}}");
	char *images = workload_images(o);

	CHECK(strcmp(images, "p:1, e:1, x:1") == 0);
	CHECK(!workload_images(none));
	free(images);
	json_object_put(o);
	json_object_put(none);
}

static const char *failure(const char *status)
{
	static char found[64];
	char text[256];
	struct json_object *o;
	const char *words;

	(void)snprintf(text, sizeof(text),
		       "{\"status\":{\"conditions\":[{\"type\":\"Available\",\"status\":\"False\"},"
		       "{\"type\":\"Progressing\",\"status\":\"%s\",\"message\":\"late\"}]}}",
		       status);
	o = json_tokener_parse(text);
	words = workload_failure(o);
	(void)snprintf(found, sizeof(found), "%s", words ? words : "none");
	json_object_put(o);
	return found;
}

TEST(a_roll_out_has_failed_when_kubernetes_says_so)
{
	CHECK(strcmp(failure("True"), "none") == 0);
	CHECK(strcmp(failure("False"), "late") == 0);
	CHECK(!workload_failure(NULL));
}
