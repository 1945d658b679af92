/* portolan example: the objects for a first try, one host that goes to one address. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/options.h"
#include "portolan/commands.h"

static const char *arg_name, *arg_secret;

static const struct option_row options[] = {
	{ "name", 0, OPTION_STRING, &arg_name, "NAME",
	  "of the objects (default: the host's first label)" },
	{ "secret", 0, OPTION_STRING, &arg_secret, "NAME",
	  "serve HTTPS, too, with the certificate in the Secret of this name" },
	{ 0 },
};

static const char plain[] = "apiVersion: networking.k8s.io/v1\n"
			    "kind: Ingress\n"
			    "metadata:\n"
			    "  name: \"%1$s\"\n"
			    "  namespace: default\n"
			    "spec:\n"
			    "%5$s"
			    "  rules:\n"
			    "  - host: \"%2$s\"\n"
			    "    http:\n"
			    "      paths:\n"
			    "      - path: /\n"
			    "        pathType: Prefix\n"
			    "        backend:\n"
			    "          service:\n"
			    "            name: \"%1$s\"\n"
			    "            port:\n"
			    "              number: 80\n"
			    "---\n"
			    "apiVersion: v1\n"
			    "kind: Service\n"
			    "metadata:\n"
			    "  name: \"%1$s\"\n"
			    "  namespace: default\n"
			    "spec:\n"
			    "  ports:\n"
			    "  - port: 80\n"
			    "    targetPort: %4$u\n"
			    "---\n"
			    "# Kubernetes makes this by itself, from the Service's selector; "
			    "without a cluster you write it.\n"
			    "apiVersion: discovery.k8s.io/v1\n"
			    "kind: EndpointSlice\n"
			    "metadata:\n"
			    "  name: \"%1$s-1\"\n"
			    "  namespace: default\n"
			    "  labels:\n"
			    "    kubernetes.io/service-name: \"%1$s\"\n"
			    "addressType: %6$s\n"
			    "ports:\n"
			    "- port: %4$u\n"
			    "endpoints:\n"
			    "- addresses: [\"%3$s\"]\n";

/* A label of RFC 1123. */
static bool is_label(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) &&
		    (s[i] != '-' || i == 0 || i == n - 1))
			return false;
	return n > 0 && n <= 63;
}

static bool is_host(const char *s)
{
	_cleanup_free_ char *copy = xstrdup(s + (strncmp(s, "*.", 2) == 0 ? 2 : 0));
	unsigned char bytes[sizeof(struct in_addr)];
	char *rest = copy;

	if (inet_pton(AF_INET, copy, bytes) == 1)
		return false;
	for (char *label; (label = strsep(&rest, "."));)
		if (!is_label(label))
			return false;
	return strlen(s) <= 253;
}

/* "10.0.0.1:8080" or "[::1]:8080". False if it is neither. */
static bool read_address(const char *text, char **ret_address, unsigned *ret_port, bool *ret_v6)
{
	const char *colon = strrchr(text, ':');
	unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!n || port < 1 || port > 65535 || colon[1 + strspn(colon + 1, "0123456789")])
		return false;
	*ret_v6 = text[0] == '[' && text[n - 1] == ']';
	*ret_address = *ret_v6 ? xstrndup(text + 1, n - 2) : xstrndup(text, n);
	*ret_port = (unsigned)port;
	return inet_pton(*ret_v6 ? AF_INET6 : AF_INET, *ret_address, bytes) == 1;
}

static int write_objects(const char *host, const char *address, unsigned port, bool v6)
{
	const char *first = strncmp(host, "*.", 2) == 0 ? host + 2 : host;
	_cleanup_free_ char *name = arg_name ? xstrdup(arg_name)
					     : xstrndup(first, strcspn(first, "."));
	_cleanup_free_ char *tls =
		arg_secret ? xasprintf("  tls:\n  - hosts: [\"%s\"]\n    secretName: \"%s\"\n",
				       host, arg_secret)
			   : xstrdup("");

	(void)printf(plain, name, host, address, port, tls, v6 ? "IPv6" : "IPv4");
	return EXIT_SUCCESS;
}

int cmd_example(const struct command *c, int argc, char **argv)
{
	_cleanup_free_ char *address = NULL;
	const char *why = NULL;
	int at, exit_code;
	unsigned port;
	bool v6;

	at = command_parse(
		c, argc, argv, options,
		"Writes an Ingress, a Service and an EndpointSlice that send a host's "
		"requests to one address:\n  portolan example web.example 127.0.0.1:3000 > "
		"manifests/web.yaml",
		2, &exit_code);
	if (at < 0)
		return exit_code;
	if (argc - at != 2)
		why = "say which host and which address, as in web.example 127.0.0.1:3000";
	else if (!is_host(argv[at]))
		why = "the host is a DNS name in lower case, as web.example or *.example.com, and "
		      "no address";
	else if (!read_address(argv[at + 1], &address, &port, &v6))
		why = "the address is an IP address and a port, as 127.0.0.1:3000 or [::1]:3000";
	else if ((arg_name && !is_label(arg_name)) || (arg_secret && !is_label(arg_secret)))
		why = "a name is of lower case letters, digits and \"-\"";
	if (why)
		return command_misused(c, why);
	return write_objects(argv[at], address, port, v6);
}
