/* Who may use a route, if that takes more than one of Envoy's own filters: a service is asked, as
 * with nginx's auth_request, or users and passwords are checked; all of these must agree, or any. A
 * request that these rules neither admit nor refuse is refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts marked with (v) have variables, which each request fills in: "${request_uri}" and the
 * others of ACCESS_VARIABLES, "${http_NAME}", "${cookie_NAME}", "${arg_NAME}". */
#define ACCESS_VARIABLES                                                             \
	"args document_uri escaped_request_uri host http_host is_args query_string " \
	"remote_addr request_method request_uri scheme ssl_client_escaped_cert "     \
	"ssl_client_i_dn ssl_client_s_dn ssl_client_verify uri"

struct access_header {
	const char *name;  /* lower case */
	const char *value; /* (v); empty: the header is removed */
};

/* Asked with a request of its own, without a body: 2xx lets in, 401 and 403 are refusals, all else
 * is an error, which is answered with 500. */
struct access_service {
	const char *cluster;
	const char *authority; /* (v) */
	const char *method;
	const char *path; /* (v) */
	uint32_t timeout_msec;
	struct access_header *headers; /* besides the client's own, and in their place */
	size_t n_headers;
	/* Headers of its answer that replace the client's own for the upstream; lower case. Those
	 * absent from the answer are removed. */
	const char **answers;
	size_t n_answers;
	bool always_cookie; /* cookies of its answer reach the client whatever the status */
};

/* Checked by portolan-passwords. */
struct access_passwords {
	const char *users; /* the key of the file: OUTPUT_PASSWORDS */
	const char *realm;
};

struct access {
	const char *scheme; /* of the connection */
	/* One of address rules, passwords and service is enough; else all count. */
	bool any;
	bool by_address; /* with any: there are address rules, which are not enforced alone */
	const struct access_passwords *passwords; /* or NULL */
	const struct access_service *service;     /* or NULL */
	/* Or NULL: nobody may, and what it answers is the answer. Without one it is X-Code alone.
	 */
	const struct access_service *page;
	const char *signin; /* (v): instead of 401 the client is redirected there; or NULL */
};
