/* Secrets of type kubernetes.io/tls in a Kubernetes API. */
#pragma once

#include "certgen/secret.h"

struct kube_store {
	const char *server;    /* URL; NULL: where a pod finds it in its environment */
	const char *account;   /* folder with token, ca.crt and namespace, as a pod has it */
	const char *namespace; /* NULL: the pod's own */
	const char *names[SECRET_ROLES];
	/* The store's own. */
	struct kube_client *client;
};

/* Logs why it fails. k's pointers are borrowed until kube_store_close(). */
int kube_store_open(struct kube_store *k, struct secret_store *ret);
void kube_store_close(struct kube_store *k);
