/* nginx's variables in texts that each request fills in (model/access.h). */
#pragma once

#include "translator/nginx/nginx-plan.h"

/* The text with "$name" as "${name}", and with known values filled in. NULL with a sentence that
 * names the first unknown variable. */
const char *nginx_variables_read(struct nginx_plan *p, const struct nginx_source *s,
				 const char *text, const char **ret_why);
