/* The units of translation: the table of them, and what they share. One file a unit: unit-NAME.c. */
#pragma once

#include "k8s/contour-configuration.pb-c.h"
#include "k8s/core.pb-c.h"
#include "k8s/networking.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "proto/model.pb-c.h"
#include "translator/envoy.h"
#include "translator/graph.h"

extern const struct unit_row units[UNIT_KIND_MAX_];
extern const struct index_row units_indexes[];
extern const size_t units_n_indexes;

void unit_secret(struct reader *r, const char *key, size_t key_len);
void unit_endpoints(struct reader *r, const char *key, size_t key_len);
void unit_cluster(struct reader *r, const char *key, size_t key_len);
void unit_extension(struct reader *r, const char *key, size_t key_len);
void unit_claim(struct reader *r, const char *key, size_t key_len);
void unit_ingress(struct reader *r, const char *key, size_t key_len);
void unit_proxy(struct reader *r, const char *key, size_t key_len);
void unit_orphan(struct reader *r, const char *key, size_t key_len);
void unit_host(struct reader *r, const char *key, size_t key_len);
void unit_server_name(struct reader *r, const char *key, size_t key_len);
void unit_virtual_host(struct reader *r, const char *key, size_t key_len);
void unit_configuration(struct reader *r, const char *key, size_t key_len);
void unit_fallback(struct reader *r, const char *key, size_t key_len);
void unit_table(struct reader *r, const char *key, size_t key_len);

/* unit-endpoints.c: EndpointSlices by the Service that they belong to. */
int endpoints_index(const struct item *object, struct arena *scratch, const char **ret_key);
/* The endpoints of a Service's ("namespace/service") port; port_name "": the only one, which needs none.
 * health_name: of the port at which their health is checked, or NULL. */
Envoy__Config__Endpoint__V3__LbEndpoint **endpoints_read(struct reader *r, const char *service,
							 const char *port_name, const char *health_name,
							 size_t *ret_n);
/* unit-cluster.c: a TCP port by name or number, or NULL; *ret_other: there is one, but not for TCP. */
const K8s__ServicePort *cluster_find_port(const K8s__ServiceSpec *spec, const char *wanted, bool *ret_other);
/* The certificates of a Secret by which an upstream's own is verified. -EINVAL with a sentence. */
int cluster_read_authority(struct reader *r, const char *secret, ProtobufCBinaryData *ret, const char **ret_why);
/* Names of which one must be in that certificate; borrowed. -EINVAL with a sentence. */
int cluster_read_subjects(struct reader *r, K8s__ProxyUpstreamValidation *v, char ***ret, size_t *ret_n,
			  const char **ret_why);
/* The Secret with the certificate that Envoy shows to upstreams over TLS; NULL: the configuration names none.
 * -EINVAL with a sentence. */
int cluster_read_client(struct reader *r, const char **ret, const char **ret_why);
/* unit-secret.c: whether it can be served as a certificate. ret: what that is for; may be NULL. -EINVAL:
 * *ret_reason is a word, *ret_why a sentence. */
struct certificate_facts;
int secret_check(struct arena *a, const K8s__Secret *s, struct certificate_facts *ret, const char **ret_reason,
		 const char **ret_why);
/* ingress-class.c: IngressClasses that are the default. */
int ingress_class_index(const struct item *object, struct arena *scratch, const char **ret_key);

/* ingress-class.c: whether an Ingress or HTTPProxy is ours to serve, by its annotations and its
 * spec.ingressClassName (NULL: none). If not, *ret_why is a sentence for its status. */
bool units_class_is_ours(struct reader *r, const K8s__ObjectMeta *meta, const char *class_name,
			 const char **ret_why);

/* The configuration in reader_settings(): settings.h. */
const K8s__ContourConfigurationSpec *units_config(struct reader *r);

/* The route table that answers 421 to everything. */
#define UNITS_MISDIRECTED "misdirected"

/* Whether hosts with ordinary TLS settings stand behind one filter chain (tls.hosts: shared). */
bool units_hosts_are_shared(struct reader *r);
/* Why a host cannot have these TLS versions (2, 3; 0: not said), and what it has instead; NULL if it can. */
const char *units_tls_bound(struct reader *r, uint32_t min, uint32_t max);
/* Whether a namespace may hold root HTTPProxies. */
bool units_may_hold_roots(struct reader *r, const char *namespace);

/* The object's namespace/name from such a key, in the reader's arena. */
void units_split_key(struct reader *r, const char *key, const char **ret_namespace, const char **ret_name);
/* An annotation's value, or NULL. */
const char *units_annotation(const K8s__ObjectMeta *meta, const char *name);
/* Packs a message as the unit's result. */
void units_result(struct reader *r, const ProtobufCMessage *m);
/* What an object wants of a host, as facts; sort: of the object, among those that want the same host. */
void units_want_host(struct reader *r, const char *host, const char *sort,
		     const Portolan__Model__HostRoutes *routes);
/* Hosts that a wildcard covers and that are served by TLS themselves: a connection to another name of the wildcard
 * is none to them. The array has room for one more. */
const char **units_hosts_below(struct reader *r, const char *host, size_t *ret_n);
/* Says what is wrong with a Secret of which the former content is in use. */
void units_secret_kept(struct reader *r, enum object_kind kind, const char *key, const char *reason,
		       const char *field, const char *secret, const Portolan__Model__SecretResult *facts);
/* The result of a Secret's unit, which keeps its SDS resource alive; never NULL. */
const Portolan__Model__SecretResult *units_secret(struct reader *r, const char *key);
/* A reference in the configuration as "namespace/name", or NULL if there is none. */
const char *units_reference(struct reader *r, const K8s__ConfigReference *ref);
/* Shorthand for problems of one object. */
#define units_error(r, kind, key, reason, field, ...)                                              \
	emit_problem((r), (kind), (key), PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR, (reason),        \
		     (field), __VA_ARGS__)
#define units_warning(r, kind, key, reason, field, ...)                                            \
	emit_problem((r), (kind), (key), PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING, (reason),      \
		     (field), __VA_ARGS__)
