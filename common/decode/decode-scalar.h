/* The scalars that Kubernetes writes as strings. Inside libdecode only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"

/* RFC 4648 with padding; line ends are skipped, as Go does. False: not base64. */
bool scalar_base64(struct arena *arena, const char *s, size_t n, uint8_t **ret, size_t *ret_len);
/* RFC 3339 to seconds since 1970; a fraction is checked and dropped, as metav1.Time does. */
bool scalar_time(const char *s, int64_t *ret_seconds);
/* Go's time.ParseDuration, to nanoseconds. */
bool scalar_duration(const char *s, int64_t *ret_nanoseconds);
/* k8s.io/apimachinery's resource.Quantity: "100m", "1.5Gi", "2e3". */
bool scalar_is_quantity(const char *s);
/* No surrogates, no overlong forms, no NUL. */
bool scalar_is_utf8(const char *s, size_t n);
