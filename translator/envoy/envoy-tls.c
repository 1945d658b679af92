/* TLS versions, ciphers and curves, of listeners and of clusters. */
#include <string.h>

#include "translator/envoy/envoy.h"

#define TLS_1(name) \
	ENVOY__EXTENSIONS__TRANSPORT_SOCKETS__TLS__V3__TLS_PARAMETERS__TLS_PROTOCOL__TLSv1_##name

/* "1.2" → 2. */
static uint32_t minor(const char *version)
{
	return strcmp(version, "1.3") == 0 ? 3 : 2;
}

/* Each once: BoringSSL refuses a repeated curve. */
static void copy_once(struct arena *a, char **from, size_t n, char ***ret, size_t *ret_n)
{
	*ret = arena_new_of(a, char *, n + 1);
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) {
		bool there = false;

		for (size_t k = 0; k < *ret_n && !there; k++)
			there = strcmp((*ret)[k], from[i]) == 0;
		if (!there)
			(*ret)[(*ret_n)++] = from[i];
	}
}

EnvoyTlsParameters *envoy_tls_parameters(struct arena *a, const K8s__ConfigTLS *tls, uint32_t min,
					 uint32_t max)
{
	EnvoyTlsParameters *p = message_new(a, EnvoyTlsParameters);
	uint32_t least = minor(tls->minimum_protocol_version),
		 most = minor(tls->maximum_protocol_version);

	/* The two ranges may not overlap; the general one counts then. */
	min = MAX(min, least);
	min = MIN(min, most);
	max = max ? MIN(max, most) : most;
	max = MAX(max, least);
	p->tls_minimum_protocol_version = min == 3 ? TLS_1(3) : TLS_1(2);
	p->tls_maximum_protocol_version = max == 3 ? TLS_1(3) : TLS_1(2);
	copy_once(a, tls->cipher_suites, tls->n_cipher_suites, &p->cipher_suites,
		  &p->n_cipher_suites);
	copy_once(a, tls->ecdh_curves, tls->n_ecdh_curves, &p->ecdh_curves, &p->n_ecdh_curves);
	return p;
}
