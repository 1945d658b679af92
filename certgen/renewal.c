/* Decides which certificates must be renewed; the store knows where the secrets are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "certgen/renewal.h"
#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/certificate/certificate.h"

#define DAY_SECONDS INT64_C(86400)
/* An authority lives for as many certificates. */
#define CA_LIVES 10

static const char *const client_names[] = { "envoy", NULL };

static const struct role {
	const char *what, *common_name, *purpose;
} roles[SECRET_ROLES] = {
	[SECRET_CA] = { "authority", "Portolan's authority for xDS", NULL },
	[SECRET_SERVER] = { "certificate of xds-server", "portolan", "serverAuth" },
	[SECRET_CLIENT] = { "certificate of Envoys", "envoy", "clientAuth" },
};

static void say(const char *what, const char *done, const struct secret *s)
{
	_cleanup_free_ char *end = certificate_end(s->cert);

	(void)printf("%s: %s, good until %s\n", what, done, end);
}

static int make(const struct renewal *r, enum secret_role role, const struct secret *signer,
		struct secret *ret)
{
	struct certificate_request request = {
		.common_name = roles[role].common_name,
		.purpose = roles[role].purpose,
		.names = role == SECRET_SERVER ? r->server_names : client_names,
		.days = role == SECRET_CA ? r->days * CA_LIVES : r->days,
	};
	int error = certificate_make(&request, signer, ret);

	return error < 0 ? log_error_errno(error, "cannot make the %s: %m", roles[role].what) : 0;
}

static const char *const *names_of(const struct renewal *r, enum secret_role role)
{
	return role == SECRET_SERVER ? r->server_names : client_names;
}

static bool is_good(const struct renewal *r, enum secret_role role, const struct secret *s,
		    const struct secret *ca)
{
	return !r->force &&
	       certificate_lasts(s->cert, s->key, r->renew_before_days * DAY_SECONDS) &&
	       certificate_is_signed_by(s->cert, ca->cert) &&
	       certificate_has_names(s->cert, names_of(r, role));
}

static int write_secret(const struct secret_store *store, enum secret_role role,
			const struct secret *s, const char *done)
{
	int r = store->write(store->ctx, role, s);

	if (r == 0)
		say(roles[role].what, done, s);
	return r;
}

/* The authority must outlive the certificates that it signs. */
static int renew_ca(const struct renewal *r, const struct secret_store *store, struct secret *ca)
{
	int64_t needed = ((int64_t)r->days + r->renew_before_days) * DAY_SECONDS;
	int error;

	if (!r->force && certificate_lasts(ca->cert, ca->key, needed)) {
		say(roles[SECRET_CA].what, "kept", ca);
		return 0;
	}
	error = make(r, SECRET_CA, NULL, ca);
	return error < 0 ? error : write_secret(store, SECRET_CA, ca, "made");
}

/* A peer that trusts only the authority of before would refuse a certificate by the new one. */
static bool must_wait(const struct secret *s, const struct secret *peer, const struct secret *ca)
{
	return certificate_lasts(s->cert, s->key, 0) && peer->ca &&
	       !certificate_is_in(ca->cert, peer->ca);
}

static int renew_leaf(const struct renewal *r, const struct secret_store *store,
		      enum secret_role role, struct secret *s, const struct secret *ca, bool wait)
{
	static const char kept[] = "kept, trusts the new authority; "
				   "run this again when all have read that, to renew it";
	_cleanup_free_ char *trusted = certificate_join(ca->cert, s->ca);
	bool good = is_good(r, role, s, ca) || wait;
	bool same = s->ca && strcmp(trusted, s->ca) == 0;
	int error;

	if (good && same) {
		say(roles[role].what, "kept", s);
		return 0;
	}
	if (!good) {
		error = make(r, role, ca, s);
		if (error < 0)
			return error;
	}
	free(s->ca);
	s->ca = TAKE_PTR(trusted);
	return write_secret(store, role, s, good ? kept : "made");
}

int renewal_run(const struct renewal *r, const struct secret_store *store)
{
	_cleanup_(secret_done) struct secret ca = { 0 }, server = { 0 }, client = { 0 };
	bool server_waits, client_waits;
	int error = store->read(store->ctx, SECRET_CA, &ca);

	if (error == 0)
		error = store->read(store->ctx, SECRET_SERVER, &server);
	if (error == 0)
		error = store->read(store->ctx, SECRET_CLIENT, &client);
	if (error == 0)
		error = renew_ca(r, store, &ca);
	if (error < 0)
		return error;
	server_waits = !r->force && must_wait(&server, &client, &ca);
	client_waits = !r->force && must_wait(&client, &server, &ca);
	error = renew_leaf(r, store, SECRET_CLIENT, &client, &ca, client_waits);
	if (error == 0)
		error = renew_leaf(r, store, SECRET_SERVER, &server, &ca, server_waits);
	return error;
}
