/* Ports of Services as upstreams, for objects with backends. */
#pragma once

#include "k8s/projectcontour.pb-c.h"
#include "proto/model.pb-c.h"
#include "translator/model/message.h"
#include "translator/resolve/object.h"

/* Precedes an XBackend's key in FACT_POLICY_USE. */
#define XBACKEND_USE "XBackend "

/* A TCP port by name or number, or NULL; *ret_other: there is such a port, but not for TCP. */
const K8s__ServicePort *upstream_find_port(const K8s__ServiceSpec *spec, const char *wanted,
					   bool *ret_other);
/* The certificates in a Secret with which an upstream's certificate is verified. -EINVAL with a
 * sentence. */
int upstream_read_authority(struct reader *r, const char *secret, ProtobufCBinaryData *ret,
			    const char **ret_why);
/* Subject names; the upstream's certificate must have one of them. Borrowed. -EINVAL with a
 * sentence. */
int upstream_read_subjects(struct reader *r, K8s__ProxyUpstreamValidation *v, char ***ret,
			   size_t *ret_n, const char **ret_why);
/* The Secret with the client certificate that Envoy presents to upstreams over TLS; NULL: the
 * configuration names no Secret. -EINVAL with a sentence. */
int upstream_read_client(struct reader *r, const char **ret, const char **ret_why);
/* Returns NULL if the Service's externalName may be used, or a sentence why not. */
const char *upstream_check_external(struct reader *r, const char *key, const char *name);
/* The same for another object's external host name, whatever the configuration's rule for
 * Services. */
const char *upstream_check_host(struct reader *r, const char *key, const char *name);
/* The cluster of a Service's port, or of Gateway API's backend. Never NULL; with result->name NULL,
 * the result says why there is no cluster. */
const ModelClusterResult *upstream_find(struct reader *r, const ModelClusterSpec *spec);
/* Has a cluster made of several Services with shares, under the name that the spec has. */
void upstream_find_spread(struct reader *r, const ModelSpreadSpec *spec);
