/* Secrets as folders of files: DIR/ca, DIR/xds-server and DIR/envoy, with tls.crt, tls.key and
 * ca.crt in each, as a mounted Secret has them. */
#pragma once

#include "certgen/secret.h"

/* dir is borrowed; it is made if it is missing. */
struct secret_store file_store(const char *dir);
