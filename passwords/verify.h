/* Whether a password has a hash (common/base/password-hash.h). */
#pragma once

#include <stdbool.h>

/* May take a second; from any thread. */
bool verify_password(const char *password, const char *hash);
/* Takes no time worth a thread. */
bool verify_is_cheap(const char *hash);
