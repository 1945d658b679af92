/* The pages of the admin port. */
#pragma once

#include "admin/admin.h"

void pages_request(struct admin *a, struct evhttp_request *req);
