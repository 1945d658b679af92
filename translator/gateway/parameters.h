/* The parameters of a Gateway's Envoys, from the ContourDeployments that its class and the Gateway
 * refer to. */
#pragma once

#include "translator/gateway/infrastructure.h"

/* Whether the class's reference is good; the author of the class gets warnings of settings that
 * have no effect. */
void parameters_check_class(struct reader *r, const char *key, const K8s__GatewayClass *class,
			    struct flaw *ret);
/* The class's, and the Gateway's over them, setting by setting. */
void parameters_find(struct gateway *g, struct infrastructure_parameters *ret,
		     struct flaw *ret_flaw);
