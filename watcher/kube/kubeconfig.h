/* The address of the Kubernetes API and our identity there: from kubeconfig files, or from the
 * files that the kubelet gives a pod. Only finds and checks; credentials.h reads tokens that change
 * and runs plugins. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/cleanup.h"
#include "common/base/strbuf.h"

/* A pod's files for knowing its API server and for being known to it. */
#define KUBE_SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

/* PEM or a token: given inline (data), or in a file that may be replaced while we run. */
struct kube_blob {
	char *file; /* absolute or relative to our working directory; NULL if given in place */
	char *data; /* NUL-terminated; the file's content when last read */
};

/* A program that prints an ExecCredential (client.authentication.k8s.io). */
struct kube_exec {
	char *command;
	char **args;       /* NULL-terminated, without the command */
	char **env;        /* NULL-terminated "NAME=value", added to ours */
	char *api_version; /* "client.authentication.k8s.io/v1" */
	char *install_hint;
	bool provide_cluster_info;
};

struct kube_access {
	char *origin;    /* for people: "context \"a\" of FILE", "the pod's service account" */
	char *server;    /* "https://host:6443/prefix", no slash at the end */
	char *namespace; /* of the context or the pod; "default" if unset */
	char *tls_server_name;
	char *proxy_url;
	bool insecure;       /* certificate is not verified */
	struct kube_blob ca; /* empty: the system's certificates */
	struct kube_blob cert, key;
	struct kube_blob token;
	char *username, *password; /* HTTP basic authentication */
	struct kube_exec *exec;
};

/* option: a file, or NULL for the list in $KUBECONFIG, or else ~/.kube/config. context: NULL for
 * current-context. On failure adds a sentence for people to why. -ENOENT: no file. -EINVAL:
 * something in it is wrong or missing. Otherwise the error of reading a file. */
int kubeconfig_load(const char *option, const char *context, struct kube_access **ret,
		    struct strbuf *why);
/* In a pod: KUBERNETES_SERVICE_HOST and _PORT, and the files in root (NULL: the kubelet's place,
 * /var/run/secrets/kubernetes.io/serviceaccount). */
int kubeconfig_in_cluster(const char *root, struct kube_access **ret, struct strbuf *why);
/* Our own namespace: $POD_NAMESPACE, or that of the context or pod. */
const char *kube_access_own_namespace(const struct kube_access *a);
void kube_access_free(struct kube_access *a);
DEFINE_CLEANUP(struct kube_access *, kube_access_free)

/* Reads the blob's file again, if it has one: 1 if it changed, 0 if not, negative if it cannot be
 * read (the old data stays). */
int kube_blob_reload(struct kube_blob *b);
