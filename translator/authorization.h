/* External authorization as HTTPProxies and the configuration wish for it: whom to ask, and what to tell. */
#pragma once

#include "translator/units.h"

/* What is wrong with a wish; the field is below the wish. */
struct authorization_problem {
	const char *reason; /* Contour's words: "AuthError/…" */
	const char *field;
	const char *why;
};

/* 0; -ENOENT: its service is missing or in error, and *ret refuses all; -EINVAL: there is no *ret. With a problem. */
int authorization_read(struct reader *r, const K8s__ProxyAuthorization *wish, const char *namespace,
		       Portolan__Model__Authorization **ret, struct authorization_problem *ret_problem);

/* What the configuration says for all hosts. */
struct authorization_global {
	Portolan__Model__Authorization *filter; /* NULL: nothing. Where there is a problem it refuses all. */
	const K8s__ProxyAuthPolicy *policy;	/* or NULL */
	struct authorization_problem problem;	/* no reason: none */
};

void authorization_global(struct reader *r, struct authorization_global *ret);

/* What holds for a route: later policies go over earlier ones. */
struct authorization_policy {
	bool disabled;
	struct envoy_pair *context; /* sorted */
	size_t n;
};

void authorization_overlay(struct arena *a, const K8s__ProxyAuthPolicy *with, struct authorization_policy *ret);
/* The filter's configuration for such a route, or NULL: nothing differs. */
Google__Protobuf__Any *authorization_route(struct arena *a, const struct authorization_policy *policy);
