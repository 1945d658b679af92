/* The annotations of ingress-nginx 1.15: one table with each annotation's name, its allowed values,
 * the outcome of a bad value, its scope, and how Portolan serves it. The report of a migration, the
 * statuses and docs/do/from-ingress-nginx.md come from this table, so they cannot differ. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NGINX_PREFIX     "nginx.ingress.kubernetes.io/"
#define NGINX_OLD_PREFIX "ingress.kubernetes.io/"

/* The characters and forms that ingress-nginx accepts in a value. */
enum nginx_class {
	NGINX_BOOL,     /* Go's strconv.ParseBool */
	NGINX_INT,      /* optional sign, decimal digits */
	NGINX_SIZE,     /* digits and at most one of b k m g */
	NGINX_BASIC,    /* letters, digits, - . _ ~ / : */
	NGINX_SPACE,    /* BASIC and space */
	NGINX_EXT,      /* BASIC, comma and space */
	NGINX_URL,      /* BASIC and , : ? & = */
	NGINX_URLS,     /* the same, and spaces */
	NGINX_URLVAR,   /* URL, $ and space */
	NGINX_PATHCAP,  /* optional leading /, BASIC and $ */
	NGINX_PREFIXES, /* the same, and spaces */
	NGINX_REGEX,    /* BASIC and ^ $ [ ] ( ) { } * + ? | & = \ */
	NGINX_NAMES,    /* a list with commas, each item is REGEX */
	NGINX_HEADERS,  /* letters, digits, - _ , and space */
	NGINX_VAR,      /* letters, digits, - _ $ { } */
	NGINX_CIDRS,    /* a list with commas of addresses and networks */
	NGINX_CODES,    /* a list with commas of status codes 4xx and 5xx */
	NGINX_ON_OFF,   /* on, off */
	NGINX_WORDS,    /* words of its row's list, separated by spaces or commas */
	NGINX_WORD,     /* one word of its row's list */
	NGINX_ANY_CASE, /* the same, in any case */
	NGINX_CIPHERS,  /* OpenSSL's cipher strings */
	NGINX_METHODS,  /* letters, comma, space */
	NGINX_ORIGINS,  /* CORS origins */
	NGINX_HAVING,   /* a text that has a word of its row's list anywhere */
	NGINX_SERVICE,  /* the name of a Service (RFC 1035) */
	NGINX_LETTERS,  /* letters, digits, - _ */
	NGINX_FILE,     /* letters, digits, . - _ */
	NGINX_TARGET,   /* a URL, a path or @name */
	NGINX_ANY,      /* not checked */
};

/* The outcome of a value outside its class, in ingress-nginx and here alike, except that a group of
 * authentication never opens a path here. */
enum nginx_invalid {
	NGINX_DEFAULTED, /* the default is used */
	NGINX_IGNORED,   /* the whole Ingress is not served */
	NGINX_DENIED,    /* every path of the Ingress answers 503 */
	NGINX_DROPPED,   /* nginx drops the group; here an authentication group answers 503 */
};

enum nginx_scope {
	NGINX_PATH,     /* each path of this Ingress, and the host's implicit / */
	NGINX_HOST,     /* the whole host, for all Ingresses on it */
	NGINX_UPSTREAM, /* the Service and port, for all Ingresses that name it */
	NGINX_INGRESS,  /* this Ingress */
};

enum nginx_fidelity {
	NGINX_SAME, /* a client or a backend sees no difference */
	NGINX_NEAR, /* served; the note states the difference */
	NGINX_NO,   /* not served; the note says why */
	NGINX_NONE, /* nothing to do: a setting of nginx's own process */
};

struct nginx_annotation {
	const char *name; /* without the prefix */
	enum nginx_class class;
	enum nginx_invalid invalid;
	enum nginx_scope scope;
	enum nginx_fidelity fidelity;
	bool protects;     /* it restricts access: never served open when it cannot be honoured */
	const char *words; /* of NGINX_WORD, NGINX_WORDS and NGINX_HAVING, separated by spaces */
	const char *note;  /* the difference, or the reason; a part of a sentence, or NULL */
};

extern const struct nginx_annotation nginx_annotations[];
extern const size_t nginx_n_annotations;

/* By the name without the prefix, aliases included; NULL if ingress-nginx has no such
 * annotation. */
const struct nginx_annotation *nginx_annotation_find(const char *name);
/* The other name of an annotation (whitelist-source-range for allowlist-source-range), which counts
 * only if the first is absent or empty; NULL if it has none. */
const char *nginx_annotation_alias(const char *name);
/* Go's strconv.ParseBool. Returns false if the text is not such a word. */
bool nginx_bool(const char *text, bool *ret);
/* The closest known name, or NULL if none is close. */
const char *nginx_annotation_nearest(const char *name);
/* Why an annotation of older versions or of other controllers has no effect, or NULL. */
const char *nginx_annotation_dead(const char *name);
/* Whether the value is in the annotation's class. An empty value is: it counts as not set. */
bool nginx_annotation_valid(const struct nginx_annotation *row, const char *value);
/* Whether blanks and line breaks around the value are a part of it, and can so make it invalid. */
bool nginx_annotation_is_whole(const struct nginx_annotation *row);
/* "BOOL", "on or off", … for messages. */
const char *nginx_class_text(enum nginx_class class);
