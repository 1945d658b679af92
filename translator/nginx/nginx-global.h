/* Keys of the ConfigMap that hold for all paths and have no annotation. */
#pragma once

#include "translator/nginx/nginx-plan.h"

/* block-user-agents, block-referers: routes before all others of the host. */
void nginx_global_block(struct nginx_plan *p);
/* block-cidrs, for a path without a list of addresses; NULL: absent. */
const struct address_rules *nginx_global_addresses(struct nginx_plan *p);
/* proxy-set-headers, proxy-add-original-uri-header. */
void nginx_global_request(struct nginx_plan *p, const struct nginx_source *s,
			  struct header_edits *ret);
/* add-headers, hide-headers. */
void nginx_global_response(struct nginx_plan *p, const struct nginx_source *s,
			   struct header_edits *ret);
/* Reports what of the ConfigMaps of these keys is not sent. */
void nginx_global_check(struct reader *r);
/* A word of annotation-value-word-blocklist that a value has, or NULL. */
const char *nginx_global_forbidden(struct reader *r, const struct nginx_ingress *in);
