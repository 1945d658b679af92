/* What a header of HTTP may be, for configuration and objects alike. */
#pragma once

#include <stdbool.h>

/* Envoy takes no longer names and values (HeaderValue in its API). */
#define HTTP_HEADER_BYTES_MAX 16384

/* A name is a token (RFC 9110, section 5.6.2). */
bool http_header_is_token(const char *s);
/* It says where a message ends: Envoy alone may write it (RFC 9112, section 6). */
bool http_header_is_framing(const char *name);
/* Not longer than Envoy takes: in a value we escape each "%", which makes two bytes of it. */
bool http_header_name_fits(const char *name);
bool http_header_value_fits(const char *value);
