/* BackendTLSPolicies: how TLS to a Service's port is made (G-BTP-1…9). */
#pragma once

#include "k8s/gateway.pb-c.h"
#include "translator/graph/graph.h"

/* Index: policies by their namespace. */
int tls_policy_index(const struct item *object, struct arena *scratch, const char **ret_key);

struct tls_policy {
	const char *key;
	const K8s__BackendTLSPolicy *object;
};

/* The policies of a namespace, the older first. */
struct tls_policy *tls_policies_read(struct reader *r, const char *namespace, size_t *ret_n);
/* Whether it can be followed: other kinds have no meaning. */
bool tls_policy_is_of_service(const K8s__PolicyTargetReference *target);
/* Whether the policy applies to the Service's port: 2 if it names the port, 1 if the whole Service,
 * else 0. port: its name, may be "". */
int tls_policy_targets(const struct tls_policy *p, const char *service, const char *port);
/* The one that holds for the port, or NULL: one for the port before one for the Service, the older
 * before the newer. */
const struct tls_policy *tls_policy_choose(const struct tls_policy *all, size_t n,
					   const char *service, const char *port);

/* The result of a policy. */
struct tls_settings {
	const void *authority; /* PEM, or NULL */
	size_t authority_len;
	bool system; /* the authorities of Envoy's host */
	const char *sni;
	char **names, **uris; /* the certificate must have one of these */
	size_t n_names, n_uris;
	/* Words of the API for a fault; with a reason in `accepted` the policy cannot be followed,
	 * and its target must not be reached (G-BTP-6). */
	const char *accepted, *accepted_why;
	const char *resolved, *resolved_why;
};

void tls_policy_read(struct reader *r, const char *namespace,
		     const K8s__BackendTLSPolicyValidation *v, struct tls_settings *ret);
