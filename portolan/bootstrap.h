/* Envoy's bootstrap: how it finds the xds-server, and its own limits. */
#pragma once

#include <stdbool.h>

#include "common/base/strbuf.h"

struct bootstrap {
	const char *xds_address; /* unix:PATH, or HOST:PORT; HOST may be a name */
	/* Unix socket of portolan-passwords; NULL: the one in the folder of xds-server's, if that
	 * is a Unix socket. */
	const char *check_path;
	/* HOST:PORT of a TLS server before portolan-passwords, or NULL; with TLS only. */
	const char *check_address;
	const char *admin_path;    /* Unix socket; or NULL and */
	const char *admin_address; /* ADDRESS:PORT */
	const char *node_id, *node_cluster;
	const char *tls_cert, *tls_key, *tls_ca; /* all or none; absolute paths on Envoy's host */
	const char *tls_name;                    /* that the server's certificate must have */
	const char *sds_cert, *sds_ca;           /* with TLS: the files of bootstrap_sds_…() */
	unsigned max_connections;                /* from clients */
	unsigned max_heap_mb;                    /* 0: no limit */
	bool all_stats;                          /* every cluster's, not only the useful ones */
};

#define BOOTSTRAP_UNIX "unix:"

/* NULL, or the fault in the values: a sentence for people. */
const char *bootstrap_check(const struct bootstrap *b);
/* YAML. b must have passed bootstrap_check(). */
void bootstrap_write(const struct bootstrap *b, struct strbuf *out);
/* The files that name certificate and key, and the CA: Envoy reads separate files again when the
 * files that they name are replaced. */
void bootstrap_write_sds_cert(const struct bootstrap *b, struct strbuf *out);
void bootstrap_write_sds_ca(const struct bootstrap *b, struct strbuf *out);
