/* watcher/kube/kubeconfig.c: the meaning of kubectl's configuration files */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "tests/lib/test.h"
#include "watcher/kube/kubeconfig.h"

static char dir[] = "/tmp/portolan-kubeconfig-XXXXXX";

static void remove_dir(void)
{
	_cleanup_free_ char *command = xasprintf("rm -r %s", dir);

	if (system(command) != 0)
		abort();
}

static char *put(const char *name, const char *text)
{
	static bool made;
	char *path;
	FILE *f;

	if (!made) {
		CHECK(mkdtemp(dir));
		(void)atexit(remove_dir);
		made = true;
	}
	path = xasprintf("%s/%s", dir, name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
	return path;
}

static struct kube_access *load(const char *file, const char *context)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct kube_access *a = NULL;
	int r = kubeconfig_load(file, context, &a, &why);

	if (r < 0)
		(void)fprintf(stderr, "%s\n", strbuf_str(&why));
	CHECK_EQ(r, 0);
	return a;
}

/* text as a file must be refused, for a reason that says words. */
static void check_refused(const char *text, const char *words)
{
	_cleanup_free_ char *path = put("refused", text);
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct kube_access *a = NULL;

	CHECK(kubeconfig_load(path, NULL, &a, &why) < 0);
	CHECK(!a);
	if (!strstr(strbuf_str(&why), words))
		(void)fprintf(stderr, "\"%s\" does not say \"%s\"\n", strbuf_str(&why), words);
	CHECK(strstr(strbuf_str(&why), words));
}

#define ONE(user)                                                                  \
	"apiVersion: v1\nkind: Config\ncurrent-context: c\n"                       \
	"contexts: [{name: c, context: {cluster: k, user: u, namespace: team}}]\n" \
	"clusters: [{name: k, cluster: {server: 'https://api:6443/'}}]\n"          \
	"users: [{name: u, user: " user "}]\n"

TEST(a_context_names_cluster_user_and_namespace)
{
	_cleanup_free_ char *path = put("plain", ONE("{token: secret}"));
	_cleanup_(kube_access_freep) struct kube_access *a = load(path, NULL);

	CHECK_STR(a->server, "https://api:6443");
	CHECK_STR(a->namespace, "team");
	CHECK_STR(a->token.data, "secret");
	CHECK(!a->insecure && !a->exec && !a->ca.data && !a->cert.data);
	CHECK(strstr(a->origin, path));
}

TEST(cluster_settings_and_embedded_certificates_are_read)
{
	_cleanup_free_ char *path =
		put("tls", "current-context: c\n"
			   "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
			   "clusters: [{name: k, cluster: {server: https://kube.example, "
			   "certificate-authority-data: UEVN, tls-server-name: kubernetes, "
			   "proxy-url: 'http://proxy:3128', insecure-skip-tls-verify: true}}]\n"
			   "users: [{name: u, user: {client-certificate-data: Q0VSVA==, "
			   "client-key-data: S0VZ}}]\n");
	_cleanup_(kube_access_freep) struct kube_access *a = load(path, NULL);

	CHECK_STR(a->ca.data, "PEM");
	CHECK_STR(a->cert.data, "CERT");
	CHECK_STR(a->key.data, "KEY");
	CHECK_STR(a->tls_server_name, "kubernetes");
	CHECK_STR(a->proxy_url, "http://proxy:3128");
	CHECK_STR(a->namespace, "default");
	CHECK(a->insecure);
}

TEST(paths_are_relative_to_their_file_and_files_are_read_again)
{
	_cleanup_free_ char *token = put("token", "first\n"), *ca = put("ca.pem", "PEM"),
			    *path = put("files",
					"current-context: c\n"
					"contexts: [{name: c, context: {cluster: k, user: u}}]\n"
					"clusters: [{name: k, cluster: {server: https://a, "
					"certificate-authority: ca.pem}}]\n"
					"users: [{name: u, user: {token: ignored, "
					"tokenFile: token}}]\n");
	_cleanup_(kube_access_freep) struct kube_access *a = load(path, NULL);

	CHECK_STR(a->ca.data, "PEM");
	CHECK_STR(a->token.data, "first");
	CHECK_EQ(kube_blob_reload(&a->token), 0);
	free(put("token", "second"));
	CHECK_EQ(kube_blob_reload(&a->token), 1);
	CHECK_STR(a->token.data, "second");
	CHECK_EQ(unlink(token), 0);
	CHECK_EQ(kube_blob_reload(&a->token), -ENOENT);
	CHECK_STR(a->token.data, "second");
	CHECK_EQ(unlink(ca), 0);
}

TEST(of_several_files_the_first_to_name_something_wins_and_missing_ones_are_skipped)
{
	_cleanup_free_ char *first = put("first", "current-context: b\n"
						  "users: [{name: u, user: {token: first}}]\n");
	_cleanup_free_ char *second = put("second",
					  "current-context: a\n"
					  "contexts: [{name: a, context: {cluster: k, user: u}},\n"
					  "  {name: b, context: {cluster: other, user: u}}]\n"
					  "clusters: [{name: k, cluster: {server: https://k}},\n"
					  "  {name: other, cluster: {server: https://other}}]\n"
					  "users: [{name: u, user: {token: second}}]\n");
	_cleanup_free_ char *list = xasprintf("%s/missing:%s::%s", dir, first, second);
	_cleanup_(kube_access_freep) struct kube_access *a = NULL, *b = NULL;
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	struct kube_access *none = NULL;

	CHECK_EQ(setenv("KUBECONFIG", list, 1), 0);
	a = load(NULL, NULL);
	CHECK_STR(a->server, "https://other");
	CHECK_STR(a->token.data, "first");
	b = load(NULL, "a");
	CHECK_STR(b->server, "https://k");
	CHECK(kubeconfig_load(NULL, "none", &none, &why) < 0);
	CHECK(strstr(strbuf_str(&why), "no context \"none\""));
	CHECK_EQ(setenv("KUBECONFIG", "/nonexistent/portolan", 1), 0);
	CHECK_EQ(kubeconfig_load(NULL, NULL, &none, &why), -ENOENT);
}

TEST(an_exec_plugin_is_taken_with_its_words_and_environment)
{
	_cleanup_free_ char *path =
		put("exec",
		    ONE("{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, "
			"args: [get, 'a b'], env: [{name: A, value: '1'}], installHint: get it, "
			"interactiveMode: IfAvailable, provideClusterInfo: true}}"));
	_cleanup_free_ char *command = xasprintf("%s/./plugin", dir);
	_cleanup_(kube_access_freep) struct kube_access *a = load(path, NULL);

	CHECK(a->exec);
	CHECK_STR(a->exec->command, command);
	CHECK_STR(a->exec->args[0], "get");
	CHECK_STR(a->exec->args[1], "a b");
	CHECK(!a->exec->args[2]);
	CHECK_STR(a->exec->env[0], "A=1");
	CHECK_STR(a->exec->install_hint, "get it");
	CHECK(a->exec->provide_cluster_info);
}

TEST(what_cannot_work_is_refused_with_a_reason)
{
	check_refused("{", "refused:2: ");
	check_refused("", "no current-context");
	check_refused("- a\n- b\n", "no current-context");
	check_refused("current-context: c\n", "no context \"c\"");
	check_refused("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n",
		      "no cluster \"k\"");
	check_refused("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
		      "clusters: [{name: k, cluster: {}}]\n",
		      "no server");
	check_refused("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
		      "clusters: [{name: k, cluster: {server: 'ftp://x'}}]\n",
		      "ftp://x");
	check_refused("current-context: c\ncontexts: [{name: c, context: {cluster: k, user: v}}]\n"
		      "clusters: [{name: k, cluster: {server: 'https://x'}}]\n",
		      "no user \"v\"");
	check_refused(ONE("{client-certificate-data: Q0VSVA==}"), "go together");
	check_refused(ONE("{client-key-data: '%%%'}"), "not base64");
	check_refused(ONE("{client-certificate: missing.pem}"), "missing.pem: No such file");
	check_refused(ONE("{tokenFile: missing}"), "missing: No such file");
	check_refused(ONE("{auth-provider: {name: oidc}}"), "exec plugin");
	check_refused(
		ONE("{exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}}"),
		"v1alpha1 is not known");
	check_refused(ONE("{exec: {command: x, apiVersion: client.authentication.k8s.io/v1, "
			  "interactiveMode: Always}}"),
		      "terminal");
	/* An alias may point to its own place. */
	check_refused("current-context: c\ncontexts: &a [{name: c, context: *a}]\n", "no cluster");
}

TEST(a_pod_finds_the_api_by_environment_and_service_account)
{
	_cleanup_free_ char *token = put("token", "t0"), *ca = put("ca.crt", "PEM"),
			    *namespace = put("namespace", "edge\n");
	_cleanup_(kube_access_freep) struct kube_access *a = NULL;
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;

	CHECK_EQ(unsetenv("KUBERNETES_SERVICE_HOST"), 0);
	CHECK_EQ(kubeconfig_in_cluster(dir, &a, &why), -ENOENT);
	CHECK_EQ(setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1), 0);
	CHECK_EQ(setenv("KUBERNETES_SERVICE_PORT", "443", 1), 0);
	CHECK_EQ(kubeconfig_in_cluster(dir, &a, &why), 0);
	CHECK_STR(a->server, "https://[fd00::1]:443");
	CHECK_STR(a->token.data, "t0");
	CHECK_STR(a->ca.data, "PEM");
	CHECK_STR(a->namespace, "edge");
	free(put("token", "t1"));
	CHECK_EQ(kube_blob_reload(&a->token), 1);
	CHECK_STR(a->token.data, "t1");
	CHECK(token && ca && namespace);
}
