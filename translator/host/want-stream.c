/* Streams as facts. */
#include "translator/host/want-stream.h"

#include <string.h>

#include "proto/model.pb-c.h"
#include "translator/host/want-domain.h"
#include "translator/kinds.h"

typedef Portolan__Model__HostTcp HostTcp;

static HostTcp *encode(struct arena *a, const struct host_tcp *tcp)
{
	HostTcp *out = arena_new_of(a, HostTcp, 1);

	portolan__model__host_tcp__init(out);
	out->clusters = arena_new_of(a, char *, tcp->n + 1);
	out->weights = arena_new_of(a, uint32_t, tcp->n + 1);
	for (size_t i = 0; i < tcp->n; i++) {
		out->clusters[out->n_clusters++] = (char *)tcp->targets[i].cluster;
		out->weights[out->n_weights++] = tcp->targets[i].weight;
	}
	return out;
}

void want_stream(struct reader *r, const struct stream_spec *spec)
{
	struct arena *a = reader_arena(r);
	struct domain_key key = { spec->socket, spec->listener_host, spec->domain };
	const char *text = domain_key_text(a, &key);
	/* "~" sorts after all digits. */
	const char *sort = spec->sort ? spec->sort : "~";
	Portolan__Model__StreamTargets m = PORTOLAN__MODEL__STREAM_TARGETS__INIT;
	uint8_t *packed;
	size_t len;

	m.object_kind = spec->kind;
	m.object_key = (char *)spec->object;
	m.tcp = spec->tcp ? encode(a, spec->tcp) : NULL;
	m.cluster = (char *)spec->cluster;
	packed = reader_pack(r, &m.base, &len);
	emit_fact(r, FACT_STREAM, text, strlen(text), sort, strlen(sort), packed, len);
}
