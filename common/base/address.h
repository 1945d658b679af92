/* "ADDRESS:PORT" on command lines. Names are not looked up: an address to listen at is a number. */
#pragma once

#include <sys/socket.h>

/* "127.0.0.1:8000", "[::1]:8000", "localhost:8000" (IPv4), ":8000" (every IPv4 address). Port 0 is
 * one. -EINVAL for anything else. */
int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len);
/* The same form; the caller's. */
char *address_format(const struct sockaddr_storage *a);
unsigned address_port(const struct sockaddr_storage *a);
