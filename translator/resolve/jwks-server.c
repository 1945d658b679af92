/* Servers where key sets for tokens are fetched. */
#include "translator/resolve/jwks-server.h"
#include "translator/envoy/envoy-jwt.h"

const char *jwks_server_find(struct reader *r, const struct jwks_server *server)
{
	EnvoyCluster *cluster = envoy_jwks_cluster(reader_arena(r), server);
	uint8_t *packed;
	size_t len;

	packed = reader_pack(r, &cluster->base, &len);
	emit_resource(r, RESOURCE_CLUSTER, cluster->name, packed, len);
	return cluster->name;
}
