/* External authorization as HTTPProxies and the configuration ask for it: which service, and
 * which facts it gets. */
#pragma once

#include "k8s/projectcontour.pb-c.h"
#include "proto/model.pb-c.h"
#include "translator/graph/graph.h"
#include "translator/model/filters.h"
#include "translator/model/message.h"

/* Faults of the settings; the field is below them. */
struct authorization_problem {
	const char *reason; /* Contour's words: "AuthError/…" */
	const char *field;
	const char *why;
};

/* 0; -ENOENT: its service is missing or in error, and *ret refuses all requests; -EINVAL: *ret is
 * not set. The last two with a problem. */
int authorization_read(struct reader *r, const K8s__ProxyAuthorization *desired,
		       const char *namespace, ModelAuthorization **ret,
		       struct authorization_problem *ret_problem);

/* The configuration's authorization for all hosts. */
struct authorization_global {
	ModelAuthorization *filter;           /* NULL: none. With a problem it refuses all. */
	const K8s__ProxyAuthPolicy *policy;   /* or NULL */
	struct authorization_problem problem; /* no reason: no problem */
};

void authorization_global(struct reader *r, struct authorization_global *ret);

/* A route's authorization: later policies override earlier ones. */
struct authorization_policy {
	bool disabled;
	struct context_pair *context; /* sorted */
	size_t n;
};

void authorization_overlay(struct arena *a, const K8s__ProxyAuthPolicy *with,
			   struct authorization_policy *ret);
/* The policy as a route has it. */
struct route_authorization authorization_route(const struct authorization_policy *policy);
