/* The certificate of a host. */
#pragma once

#include "translator/nginx/nginx-plan.h"

/* By ingress-nginx's rules: the entry of the oldest Ingress with a TLS section that names the host,
 * else the first with a certificate for it; else the default certificate. Sets plan->has_tls. NULL:
 * the host is not served over HTTPS. */
struct host_tls *nginx_tls_choose(struct nginx_plan *p);
/* For a further name of the host, which is plan->host: the host's certificate if it covers the
 * name, else the default certificate. */
const struct host_tls *nginx_tls_name(struct nginx_plan *p, const struct host_tls *of);
/* Adds the ciphers and scripts that the host's Ingresses ask for. Returns NULL for NULL. */
const struct host_tls *nginx_tls_complete(struct nginx_plan *p, const struct host_tls *tls);
