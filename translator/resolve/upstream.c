/* Ports of Services as upstreams, and how their certificates are verified. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "translator/check/certificate.h"
#include "translator/check/destination.h"
#include "translator/kinds.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"
#include "translator/resolve/secret.h"
#include "translator/resolve/upstream.h"

#define SUBJECTS_MAX    8
#define SUBJECT_MAX     250
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*:"

static bool is_tcp(const K8s__ServicePort *p)
{
	return !*p->protocol || strcmp(p->protocol, "TCP") == 0;
}

static bool has_port(const K8s__ServicePort *p, const char *wanted)
{
	char *end;
	long number = strtol(wanted, &end, 10);

	if (!*end)
		return p->port == number;
	return strcmp(p->name, wanted) == 0;
}

const K8s__ServicePort *upstream_find_port(const K8s__ServiceSpec *spec, const char *wanted,
					   bool *ret_other)
{
	*ret_other = false;
	for (size_t i = 0; i < spec->n_ports; i++) {
		if (!has_port(spec->ports[i], wanted))
			continue;
		if (is_tcp(spec->ports[i]))
			return spec->ports[i];
		*ret_other = true;
	}
	return NULL;
}

/* It goes into headers and handshakes as well. */
static bool is_subject(const char *s)
{
	size_t n = strlen(s);

	return n && n <= SUBJECT_MAX && strspn(s, NAME_CHARACTERS) == n;
}

int upstream_read_subjects(struct reader *r, K8s__ProxyUpstreamValidation *v, char ***ret,
			   size_t *ret_n, const char **ret_why)
{
	if (!*v->subject_name || v->n_subject_names > SUBJECTS_MAX ||
	    (v->n_subject_names && strcmp(v->subject_names[0], v->subject_name) != 0)) {
		*ret_why = "subjectName is needed, and the first of at most 8 subjectNames must be "
			   "the same";
		return -EINVAL;
	}
	*ret = v->n_subject_names ? v->subject_names : &v->subject_name;
	*ret_n = v->n_subject_names ? v->n_subject_names : 1;
	for (size_t i = 0; i < *ret_n; i++)
		if (!is_subject((*ret)[i])) {
			*ret_why = arena_printf(
				reader_arena(r),
				"\"%s\" is not a name that a certificate could be for", (*ret)[i]);
			return -EINVAL;
		}
	return 0;
}

int upstream_read_authority(struct reader *r, const char *secret, ProtobufCBinaryData *ret,
			    const char **ret_why)
{
	const K8s__Secret *s = read_message(r, OBJECT_SECRET, secret);
	const char *why = s ? NULL : object_missing_why(r, OBJECT_SECRET, secret);
	ProtobufCBinaryData ca = { 0 };

	for (size_t i = 0; s && i < s->n_data; i++)
		if (strcmp(s->data[i]->key, "ca.crt") == 0)
			ca = s->data[i]->value;
	if (s && certificate_check_authority(reader_arena(r), ca.data, ca.len, &why) == 0) {
		*ret = ca;
		return 0;
	}
	*ret_why = arena_printf(reader_arena(r), "Secret %s: %s", secret, why);
	return -EINVAL;
}

int upstream_read_client(struct reader *r, const char **ret, const char **ret_why)
{
	const char *key = object_reference(r, config_read(r)->envoy->client_certificate);
	const ModelSecretResult *facts = key ? secret_find(r, key) : NULL;

	if (facts && !facts->usable) {
		*ret_why =
			arena_printf(reader_arena(r),
				     "the client certificate of the configuration, Secret %s: %s",
				     key, facts->message);
		return -EINVAL;
	}
	*ret = key;
	return 0;
}

/* An external name must not lead Envoy to itself or to its host. */
static const char *local_name(struct reader *r, const char *name)
{
	return config_read(r)->portolan->destinations->allow_local ? NULL
								   : destination_refused(name);
}

const char *upstream_check_host(struct reader *r, const char *key, const char *name)
{
	const char *why = *name ? local_name(r, name) : NULL;

	if (!*name)
		return arena_printf(reader_arena(r), "%s has no external host name", key);
	return why ? arena_printf(reader_arena(r), "%s: its external host name \"%s\" %s%s", key,
				  name, why, destination_hint)
		   : NULL;
}

const char *upstream_check_external(struct reader *r, const char *key, const char *name)
{
	const char *why = *name ? local_name(r, name) : NULL;

	if (!config_read(r)->enable_external_name_service)
		return arena_printf(reader_arena(r),
				    "Service %s is of type ExternalName, which is off; "
				    "enableExternalNameService in the configuration allows it",
				    key);
	if (!*name)
		return arena_printf(reader_arena(r), "Service %s has no spec.externalName", key);
	return why ? arena_printf(reader_arena(r), "Service %s: its externalName \"%s\" %s%s", key,
				  name, why, destination_hint)
		   : NULL;
}

const ModelClusterResult *upstream_find(struct reader *r, const ModelClusterSpec *spec)
{
	const struct item *item;
	uint8_t *key;
	size_t len;

	key = reader_pack(r, &spec->base, &len);
	item = read_unit(r, spec->gateway ? UNIT_BACKEND : UNIT_CLUSTER, (const char *)key, len);
	return message_unpack(reader_arena(r), ModelClusterResult, item);
}

void upstream_find_spread(struct reader *r, const ModelSpreadSpec *spec)
{
	size_t len;
	uint8_t *key = reader_pack(r, &spec->base, &len);

	(void)read_unit(r, UNIT_SPREAD, (const char *)key, len);
}
