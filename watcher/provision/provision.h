/* Writes the objects of Gateways that have Envoys of their own, or share those of their class: by
 * server-side apply, as the translator wants them and owned-kind.h allows. Changes by others are
 * reverted. Objects that are not wanted any more are deleted, also if that changed while the
 * watcher did not run. Only the leader writes; every replica reports the state of the objects to
 * its translator. */
#pragma once

#include "common/base/document.h"
#include "common/base/event-loop.h"
#include "common/base/strbuf.h"
#include "common/link/state.h"
#include "watcher/kube/http.h"
#include "watcher/kube/kube-object.h"

struct provision;

/* How workloads get new images. */
enum provision_upgrades {
	UPGRADES_ONE_AT_A_TIME,
	UPGRADES_AT_ONCE,
	UPGRADES_HELD,
};

struct provision_config {
	struct event_loop *loop;
	struct http *http;
	struct kube_objects *objects; /* the Gateways are among them */
	const struct state *store;    /* with the authority of the certificates */
	const struct state *statuses; /* of the translator: Gateways that it has seen have one */
	const char *own_namespace;
	/* The state of the Gateway's objects; NULL: it has none. Takes the reference. */
	void (*tell)(void *ctx, const char *gateway, size_t len, struct item *infrastructure);
	/* provision_synced() may have changed. */
	void (*synced)(void *ctx);
	void *ctx;
};

struct provision *provision_new(const struct provision_config *config);
void provision_free(struct provision *p);
DEFINE_CLEANUP(struct provision *, provision_free)

/* The configuration asks for it, or not: then all objects go. authority: the name of the Secret
 * with the authority, controller: the controllerName of our classes; "" for the usual ones. */
void provision_enable(struct provision *p, bool enabled, const char *authority,
		      const char *controller, enum provision_upgrades upgrades);
/* The existing objects are known. */
bool provision_synced(const struct provision *p);
/* Reports the states of objects that have not been reported. */
void provision_tell(struct provision *p);
void provision_leader(struct provision *p, bool leader);
/* What the translator wants at this key: a DesiredObject, or NULL. Borrowed. */
void provision_desired(struct provision *p, const char *key, size_t len, struct item *desired);
/* The translator has decided on the Gateway or GatewayClass with this key: objects that it has not
 * named are not wanted. */
void provision_decided(struct provision *p, unsigned kind, const char *object, size_t len);
/* A Gateway came, changed or went, or another object that these objects depend on. */
void provision_look_again(struct provision *p);

/* ---- upgrades of Envoys ---- */

/* A line, if a fleet that does not become ready holds the others back. */
void provision_why(const struct provision *p, struct strbuf *out);
void provision_metrics(const struct provision *p, struct strbuf *out);
void provision_debug(const struct provision *p, struct document *d);
