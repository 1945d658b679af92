/* Decides which certificates to renew, and in which order, so that no connection fails in
 * between. */
#pragma once

#include "certgen/secret.h"

struct renewal {
	const char *const *server_names; /* DNS names of xds-server, NULL-terminated */
	unsigned days;                   /* that a certificate is good for */
	unsigned renew_before_days;
	bool force; /* renews all, whatever exists */
};

/* Renews the certificates that need it, and reports on standard output. Returns 0 or -errno
 * (logged).
 *
 * The authority and its key are kept, so that peers trust a renewed certificate without any news. A
 * new authority is first added to the trusted ones of both sides; the next run signs certificates
 * with it, when both sides have read that. */
int renewal_run(const struct renewal *r, const struct secret_store *store);
