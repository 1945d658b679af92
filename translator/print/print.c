/* Prints packed protobuf messages as JSON or YAML, guided by protobuf-c's descriptors. For
 * `portolan translate`, and the translator's debug pages. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/link/resource-kind.h"
#include "translator/print/print.h"

/* One field on the wire. */
struct token {
	const ProtobufCFieldDescriptor *field;
	unsigned wire;
	const uint8_t *p; /* length-prefixed: the content */
	size_t n;
	uint64_t v; /* all others */
};

struct tokens {
	struct token *all; /* by field number, in wire order within a field */
	size_t n, cap;
};

struct printer {
	struct document *d;
	unsigned flags;
	bool secret; /* inside of a field that holds key material */
};

static void tokens_done(struct tokens *t)
{
	free(t->all);
}

static int print_body(struct printer *p, const ProtobufCMessageDescriptor *m, const uint8_t *bytes,
		      size_t n);

/* ---- the wire (protobuf.dev/programming-guides/encoding) ---- */

static bool read_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70 && *p < end; shift += 7) {
		uint8_t c = *(*p)++;

		v |= shift < 64 ? (uint64_t)(c & 0x7f) << shift : 0;
		if (!(c & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static bool read_fixed(const uint8_t **p, const uint8_t *end, unsigned size, uint64_t *ret)
{
	uint64_t v = 0;

	if ((size_t)(end - *p) < size)
		return false;
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)(*p)[i] << 8 * i;
	*p += size;
	*ret = v;
	return true;
}

/* A value of the wire type in t->wire. */
static bool read_value(struct token *t, const uint8_t **p, const uint8_t *end)
{
	uint64_t n;

	switch (t->wire) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		return read_varint(p, end, &t->v);
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		return read_fixed(p, end, 8, &t->v);
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		return read_fixed(p, end, 4, &t->v);
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		if (!read_varint(p, end, &n) || n > (size_t)(end - *p))
			return false;
		t->p = *p;
		t->n = (size_t)n;
		*p += n;
		return true;
	default:
		return false;
	}
}

static unsigned wire_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	default:
		return PROTOBUF_C_WIRE_TYPE_VARINT;
	}
}

static int token_compare(const void *a, const void *b)
{
	const struct token *x = a, *y = b;

	if (x->field != y->field)
		return x->field->id < y->field->id ? -1 : 1;
	/* p is its place, set for every token below. */
	return x->p < y->p ? -1 : x->p > y->p;
}

static int tokens_add(struct tokens *t, struct token *k, const uint8_t *place)
{
	unsigned wire = wire_of(k->field->type);

	if (k->wire == wire) {
		if (wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
			k->p = place;
		GROW(t->all, t->n, t->cap);
		t->all[t->n++] = *k;
		return 0;
	}
	if (k->field->label != PROTOBUF_C_LABEL_REPEATED ||
	    k->wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
		return -EBADMSG;
	/* Packed: one token for each number. */
	for (const uint8_t *p = k->p, *end = k->p + k->n; p < end;) {
		struct token one = { .field = k->field, .wire = wire, .p = p };

		if (!read_value(&one, &p, end))
			return -EBADMSG;
		GROW(t->all, t->n, t->cap);
		t->all[t->n++] = one;
	}
	return 0;
}

/* Fields unknown to the descriptor are left out. */
static int tokens_read(struct tokens *t, const ProtobufCMessageDescriptor *m, const uint8_t *bytes,
		       size_t n)
{
	const uint8_t *p = bytes, *end = bytes + n;

	while (p < end) {
		const uint8_t *place = p;
		struct token k = { 0 };
		uint64_t tag;
		int r;

		if (!read_varint(&p, end, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
			return -EBADMSG;
		k.wire = tag & 7;
		if (!read_value(&k, &p, end))
			return -EBADMSG;
		k.field = protobuf_c_message_descriptor_get_field(m, (unsigned)(tag >> 3));
		r = k.field ? tokens_add(t, &k, place) : 0;
		if (r < 0)
			return r;
	}
	if (t->n)
		qsort(t->all, t->n, sizeof(*t->all), token_compare);
	return 0;
}

/* The last occurrence of a field, which counts; NULL if absent. */
static const struct token *tokens_last(const struct tokens *t, unsigned id)
{
	for (size_t i = t->n; i > 0; i--)
		if (t->all[i - 1].field->id == id)
			return &t->all[i - 1];
	return NULL;
}

/* ---- scalars ---- */

static void print_base64(struct document *d, const uint8_t *s, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		unsigned v = (unsigned)s[i] << 16 | (left > 1 ? (unsigned)s[i + 1] << 8 : 0) |
			     (left > 2 ? s[i + 2] : 0u);

		strbuf_putc(&b, digits[v >> 18]);
		strbuf_putc(&b, digits[v >> 12 & 63]);
		strbuf_putc(&b, left > 1 ? digits[v >> 6 & 63] : '=');
		strbuf_putc(&b, left > 2 ? digits[v & 63] : '=');
	}
	document_string_n(d, strbuf_str(&b), b.len);
}

/* JSON has no infinity and no NaN: the mapping makes strings of them. */
static void print_double(struct document *d, double v)
{
	if (isnan(v))
		document_string(d, "NaN");
	else if (isinf(v))
		document_string(d, v < 0 ? "-Infinity" : "Infinity");
	else
		document_double(d, v);
}

/* The shortest decimal that reads back as the same float. */
static double widen(float v)
{
	char s[40];

	for (int digits = 6; digits <= 9; digits++) {
		(void)snprintf(s, sizeof(s), "%.*g", digits, (double)v);
		if (strtof(s, NULL) == v)
			break;
	}
	return strtod(s, NULL);
}

static void print_enum(struct document *d, const ProtobufCEnumDescriptor *e, uint64_t v)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(e, (int)v);

	if (value)
		document_string(d, value->name);
	else
		document_int(d, (int32_t)v);
}

/* 64 bits as a string: a JavaScript number does not hold them. */
static void print_wide(struct document *d, bool is_signed, uint64_t v)
{
	char s[24];

	if (is_signed)
		(void)snprintf(s, sizeof(s), "%" PRId64, (int64_t)v);
	else
		(void)snprintf(s, sizeof(s), "%" PRIu64, v);
	document_string(d, s);
}

static double bits_double(uint64_t v)
{
	double f;

	memcpy(&f, &v, sizeof(f));
	return f;
}

static double bits_float(uint64_t v)
{
	uint32_t bits = (uint32_t)v;
	float f;

	memcpy(&f, &bits, sizeof(f));
	return isfinite(f) ? widen(f) : (double)f;
}

static void print_number(struct document *d, const ProtobufCFieldDescriptor *f, uint64_t v)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		document_int(d, (int32_t)v);
		break;
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SINT64:
		v = v >> 1 ^ (v & 1 ? UINT64_MAX : 0);
		if (f->type == PROTOBUF_C_TYPE_SINT32)
			document_int(d, (int32_t)v);
		else
			print_wide(d, true, v);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		print_wide(d, true, v);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		print_wide(d, false, v);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		document_uint(d, (uint32_t)v);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		document_bool(d, v != 0);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		print_double(d, bits_float(v));
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		print_double(d, bits_double(v));
		break;
	default:
		print_enum(d, f->descriptor, v);
		break;
	}
}

/* A field's value without its name. k is NULL for a default that is printed all the same. */
static int print_scalar(struct printer *p, const ProtobufCFieldDescriptor *f, const struct token *k)
{
	const uint8_t *s = k && k->p ? k->p : (const uint8_t *)"";
	size_t n = k ? k->n : 0;

	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		return print_body(p, f->descriptor, s, n);
	case PROTOBUF_C_TYPE_STRING:
		if (p->secret && strcmp(f->name, "filename") != 0)
			document_string(p->d, "[redacted]");
		else
			document_string_n(p->d, (const char *)s, n);
		return 0;
	case PROTOBUF_C_TYPE_BYTES:
		if (p->secret)
			document_string(p->d, "[redacted]");
		else
			print_base64(p->d, s, n);
		return 0;
	default:
		print_number(p->d, f, k ? k->v : 0);
		return 0;
	}
}

/* ---- maps ---- */

/* protobuf-c has no maps: they appear as the language defines them, as a repeated message nested in
 * its parent, with the field's name and the fields key and value. protoc refuses another message of
 * that name. */
static bool is_map(const ProtobufCMessageDescriptor *m, const ProtobufCFieldDescriptor *f)
{
	const ProtobufCMessageDescriptor *e = f->descriptor;
	size_t n = strlen(m->name);
	const char *s;
	bool upper = true;

	if (f->label != PROTOBUF_C_LABEL_REPEATED || f->type != PROTOBUF_C_TYPE_MESSAGE ||
	    e->n_fields != 2 || e->fields[0].id != 1 || strcmp(e->fields[0].name, "key") != 0 ||
	    e->fields[1].id != 2 || strcmp(e->fields[1].name, "value") != 0)
		return false;
	if (strncmp(e->name, m->name, n) != 0 || e->name[n] != '.')
		return false;
	s = e->name + n + 1;
	for (const char *c = f->name; *c; c++) {
		char want = upper && *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;

		upper = *c == '_';
		if (!upper && *s++ != want)
			return false;
	}
	return strcmp(s, "Entry") == 0;
}

struct entry {
	struct tokens tokens;
	char *key;
	size_t key_len, place;
};

static int entry_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = memcmp(x->key, y->key, MIN(x->key_len, y->key_len));

	if (!r && x->key_len != y->key_len)
		r = x->key_len < y->key_len ? -1 : 1;
	return r ? r : (x->place < y->place ? -1 : 1);
}

static int entry_read(struct entry *e, const ProtobufCMessageDescriptor *m, const struct token *k)
{
	const ProtobufCFieldDescriptor *f = &m->fields[0];
	const struct token *key;
	int r = tokens_read(&e->tokens, m, k->p, k->n);

	if (r < 0)
		return r;
	key = tokens_last(&e->tokens, 1);
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		e->key_len = key ? key->n : 0;
		e->key = xmemdup(key ? (const void *)key->p : "", e->key_len);
		return 0;
	}
	if (f->type == PROTOBUF_C_TYPE_BOOL)
		e->key = xstrdup(key && key->v ? "true" : "false");
	else if (f->type == PROTOBUF_C_TYPE_UINT32 || f->type == PROTOBUF_C_TYPE_UINT64)
		e->key = xasprintf("%" PRIu64, key ? key->v : 0);
	else
		e->key = xasprintf("%" PRId64, key ? (int64_t)key->v : 0);
	e->key_len = strlen(e->key);
	return 0;
}

/* In the order of the keys; the last of equal keys counts. */
static int print_map(struct printer *p, const ProtobufCMessageDescriptor *m, const struct token *k,
		     size_t n)
{
	struct entry *entries = xnew(struct entry, n);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		entries[i].place = i;
		r = entry_read(&entries[i], m, &k[i]);
	}
	if (r == 0) {
		qsort(entries, n, sizeof(*entries), entry_compare);
		document_map(p->d);
	}
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct entry *e = &entries[i];

		if (i + 1 < n && e->key_len == e[1].key_len &&
		    memcmp(e->key, e[1].key, e->key_len) == 0)
			continue;
		document_key_n(p->d, e->key, e->key_len);
		r = print_scalar(p, &m->fields[1], tokens_last(&e->tokens, 2));
	}
	if (r == 0)
		document_end(p->d);
	for (size_t i = 0; i < n; i++) {
		tokens_done(&entries[i].tokens);
		free(entries[i].key);
	}
	free(entries);
	return r;
}

/* ---- well-known types with a JSON form of their own ---- */

/* "1.5s": as many digits as needed, three at a time. */
static int print_duration(struct printer *p, const struct tokens *t)
{
	const struct token *s = tokens_last(t, 1), *n = tokens_last(t, 2);
	int64_t seconds = s ? (int64_t)s->v : 0;
	int32_t nanos = n ? (int32_t)n->v : 0;
	bool negative = seconds < 0 || nanos < 0;
	uint64_t whole = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
	unsigned part = nanos < 0 ? 0 - (unsigned)nanos : (unsigned)nanos;
	char out[48];
	int len;

	if (part > 999999999)
		return -EBADMSG;
	len = snprintf(out, sizeof(out), "%s%" PRIu64, negative ? "-" : "", whole);
	if (part) {
		len += snprintf(out + len, sizeof(out) - (size_t)len, ".%09u", part);
		while (len > 3 && memcmp(out + len - 3, "000", 3) == 0)
			len -= 3;
	}
	(void)snprintf(out + len, sizeof(out) - (size_t)len, "s");
	document_string(p->d, out);
	return 0;
}

/* Wrappers: the value alone. */
static int print_wrapped(struct printer *p, const ProtobufCMessageDescriptor *m,
			 const struct tokens *t)
{
	return print_scalar(p, &m->fields[0], tokens_last(t, 1));
}

/* For google.protobuf.Value: the last one on the wire counts. */
static int print_json_value(struct printer *p, const struct tokens *t)
{
	const struct token *k = NULL;

	for (size_t i = 0; i < t->n; i++)
		if (!k || t->all[i].p > k->p)
			k = &t->all[i];
	if (!k || k->field->id == 1) {
		document_null(p->d);
		return 0;
	}
	return print_scalar(p, k->field, k);
}

/* Struct has one field, a map; ListValue one, a list. */
static int print_json_struct(struct printer *p, const ProtobufCMessageDescriptor *m,
			     const struct tokens *t)
{
	return print_map(p, m->fields[0].descriptor, t->all, t->n);
}

static int print_json_list(struct printer *p, const struct tokens *t)
{
	int r = 0;

	document_list(p->d);
	for (size_t i = 0; i < t->n && r == 0; i++)
		r = print_scalar(p, t->all[i].field, &t->all[i]);
	if (r == 0)
		document_end(p->d);
	return r;
}

static const struct {
	const char *name; /* after "google.protobuf." */
	enum known { PLAIN, ANY, DURATION, STRUCT, VALUE, LIST, WRAPPED } known;
} known_types[] = {
	{ "Any", ANY },
	{ "Duration", DURATION },
	{ "Struct", STRUCT },
	{ "Value", VALUE },
	{ "ListValue", LIST },
	{ "DoubleValue", WRAPPED },
	{ "FloatValue", WRAPPED },
	{ "Int64Value", WRAPPED },
	{ "UInt64Value", WRAPPED },
	{ "Int32Value", WRAPPED },
	{ "UInt32Value", WRAPPED },
	{ "BoolValue", WRAPPED },
	{ "StringValue", WRAPPED },
	{ "BytesValue", WRAPPED },
};

static enum known known_type(const ProtobufCMessageDescriptor *m)
{
	if (strcmp(m->package_name, "google.protobuf") != 0)
		return PLAIN;
	for (size_t i = 0; i < ARRAY_SIZE(known_types); i++)
		if (strcmp(m->short_name, known_types[i].name) == 0)
			return known_types[i].known;
	return PLAIN;
}

/* ---- messages ---- */

/* Fields with key material as their inline content. */
static const struct {
	const char *message, *field;
} secrets[] = {
	{ "envoy.extensions.transport_sockets.tls.v3.TlsCertificate", "private_key" },
	{ "envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys", "keys" },
	{ "envoy.extensions.filters.http.basic_auth.v3.BasicAuth", "users" },
	{ "envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute", "users" },
};

static bool is_secret(const ProtobufCMessageDescriptor *m, const ProtobufCFieldDescriptor *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		if (strcmp(f->name, secrets[i].field) == 0 &&
		    strcmp(m->name, secrets[i].message) == 0)
			return true;
	return false;
}

/* A scalar without presence that holds its default: the mapping leaves it out. */
static bool is_absent(const ProtobufCFieldDescriptor *f, const struct token *k)
{
	if (f->label != PROTOBUF_C_LABEL_NONE || f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ||
	    f->type == PROTOBUF_C_TYPE_MESSAGE)
		return false;
	return wire_of(f->type) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ? k->n == 0 : k->v == 0;
}

/* One field with its name; k are its n tokens. */
static int print_field(struct printer *p, const ProtobufCMessageDescriptor *m,
		       const struct token *k, size_t n)
{
	const ProtobufCFieldDescriptor *f = k->field;
	int r = 0;

	if (f->label != PROTOBUF_C_LABEL_REPEATED && is_absent(f, &k[n - 1]))
		return 0;
	document_key(p->d, f->name);
	if (f->label != PROTOBUF_C_LABEL_REPEATED)
		return print_scalar(p, f, &k[n - 1]);
	if (is_map(m, f))
		return print_map(p, f->descriptor, k, n);
	document_list(p->d);
	for (size_t i = 0; i < n && r == 0; i++)
		r = print_scalar(p, f, &k[i]);
	if (r == 0)
		document_end(p->d);
	return r;
}

/* All fields, in the order of their numbers. */
static int print_fields(struct printer *p, const ProtobufCMessageDescriptor *m,
			const struct tokens *t)
{
	size_t n;

	for (size_t i = 0; i < t->n; i += n) {
		bool before = p->secret;
		int r;

		for (n = 1; i + n < t->n && t->all[i + n].field == t->all[i].field;)
			n++;
		if (p->flags & PRINT_REDACT && is_secret(m, t->all[i].field))
			p->secret = true;
		r = print_field(p, m, &t->all[i], n);
		p->secret = before;
		if (r < 0)
			return r;
	}
	return 0;
}

/* An Any's message beside its "@type"; a type with a JSON form of its own goes under "value". */
static int print_any_body(struct printer *p, const ProtobufCMessageDescriptor *m,
			  const uint8_t *bytes, size_t n)
{
	_cleanup_(tokens_done) struct tokens t = { 0 };
	int r;

	if (known_type(m) != PLAIN) {
		document_key(p->d, "value");
		return print_body(p, m, bytes, n);
	}
	r = tokens_read(&t, m, bytes, n);
	return r < 0 ? r : print_fields(p, m, &t);
}

static int print_any(struct printer *p, const struct tokens *t)
{
	const struct token *url = tokens_last(t, 1), *value = tokens_last(t, 2);
	const ProtobufCMessageDescriptor *m = url ? print_type((const char *)url->p, url->n) : NULL;
	int r = 0;

	document_map(p->d);
	if (url) {
		document_key(p->d, "@type");
		document_string_n(p->d, (const char *)url->p, url->n);
	}
	if (m) {
		r = print_any_body(p, m, value ? value->p : NULL, value ? value->n : 0);
	} else if (value) {
		document_key(p->d, "value");
		if (p->flags & PRINT_REDACT)
			document_string(p->d, "[redacted]");
		else
			print_base64(p->d, value->p, value->n);
	}
	if (r == 0)
		document_end(p->d);
	return r;
}

/* A message as a value. */
static int print_body(struct printer *p, const ProtobufCMessageDescriptor *m, const uint8_t *bytes,
		      size_t n)
{
	_cleanup_(tokens_done) struct tokens t = { 0 };
	int r;

	/* A message adds at most two levels before the next is checked: itself, a map or list. */
	if (p->d->depth + 4 > DOCUMENT_DEPTH_MAX)
		return -ELOOP;
	r = tokens_read(&t, m, bytes, n);
	if (r < 0)
		return r;
	switch (known_type(m)) {
	case ANY:
		return print_any(p, &t);
	case DURATION:
		return print_duration(p, &t);
	case STRUCT:
		return print_json_struct(p, m, &t);
	case VALUE:
		return print_json_value(p, &t);
	case LIST:
		return print_json_list(p, &t);
	case WRAPPED:
		return print_wrapped(p, m, &t);
	case PLAIN:
		break;
	}
	document_map(p->d);
	r = print_fields(p, m, &t);
	if (r == 0)
		document_end(p->d);
	return r;
}

/* ---- the interface ---- */

int print_value(struct document *d, const ProtobufCMessageDescriptor *descriptor,
		const uint8_t *bytes, size_t n, unsigned flags)
{
	struct printer p = { .d = d, .flags = flags };
	struct document before = *d;
	size_t len = d->out->len;
	int r = print_body(&p, descriptor, bytes, n);

	if (r < 0) {
		*d = before;
		d->out->len = len;
		if (d->out->s)
			d->out->s[len] = '\0';
	}
	return r;
}

int print_message(struct strbuf *b, enum document_format format,
		  const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t n,
		  unsigned flags)
{
	struct document d;

	document_init(&d, b, format);
	return print_value(&d, descriptor, bytes, n, flags);
}

int print_resource(struct document *d, unsigned kind, const char *name, const char *version,
		   const uint8_t *bytes, size_t n, unsigned flags)
{
	const struct resource_kind_row *row = resource_kind(kind);
	const ProtobufCMessageDescriptor *m;
	int r;

	assert(row);
	m = print_type(row->type_url, strlen(row->type_url));
	document_map(d);
	document_key(d, "kind");
	document_string(d, row->name);
	document_key(d, "name");
	document_string(d, name);
	document_key(d, "version");
	document_string(d, version);
	document_key(d, "resource");
	r = m ? print_value(d, m, bytes, n, flags) : -EBADMSG;
	if (r < 0)
		document_string(d, "[unreadable]");
	document_end(d);
	return r;
}
