/* An Ingress's claim to its hosts, where a host is for one namespace only. */
#include <string.h>
#include <strings.h>

#include "k8s/networking.pb-c.h"
#include "translator/model/host-name.h"
#include "translator/resolve/class.h"
#include "translator/resolve/host-owner.h"
#include "translator/units.h"

void unit_ingress_claim(struct reader *r, const char *key, size_t key_len _unused_)
{
	const K8s__Ingress *ingress;
	const char *why;

	ingress = read_message(r, OBJECT_INGRESS, key);
	if (!ingress || !ingress->metadata || !ingress->spec ||
	    !(class_is_nginx(r, ingress->metadata, ingress->spec->ingress_class_name) ||
	      class_is_ours(r, ingress->metadata, ingress->spec->ingress_class_name, &why)))
		return;
	for (size_t i = 0; i < ingress->spec->n_rules; i++) {
		const char *host =
			host_name_normal(reader_arena(r), ingress->spec->rules[i]->host, &why);
		bool before = false;

		for (size_t k = 0; k < i && host && !before; k++)
			before = strcasecmp(ingress->spec->rules[k]->host,
					    ingress->spec->rules[i]->host) == 0;
		if (host && strcmp(host, "*") != 0 && !before)
			host_claim(r, OBJECT_INGRESS, key, ingress->metadata, host);
	}
}
