/* A message as one line of text. Used by unit tests. */
#undef NDEBUG
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "tests/lib/dump.h"

static void dump_value(struct strbuf *out, const ProtobufCFieldDescriptor *f, const char *at)
{
	const ProtobufCBinaryData *b = (const void *)at;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		strbuf_printf(out, "\"%s\"", *(const char *const *)at);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		strbuf_putc(out, '<');
		strbuf_add(out, b->data, b->len);
		strbuf_putc(out, '>');
		break;
	case PROTOBUF_C_TYPE_BOOL:
		strbuf_puts(out, *(const protobuf_c_boolean *)at ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_INT32:
		strbuf_printf(out, "%" PRId32, *(const int32_t *)at);
		break;
	case PROTOBUF_C_TYPE_UINT32:
		strbuf_printf(out, "%" PRIu32, *(const uint32_t *)at);
		break;
	case PROTOBUF_C_TYPE_INT64:
		strbuf_printf(out, "%" PRId64, *(const int64_t *)at);
		break;
	case PROTOBUF_C_TYPE_UINT64:
		strbuf_printf(out, "%" PRIu64, *(const uint64_t *)at);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		dump_message(out, *(const ProtobufCMessage *const *)at);
		break;
	default:
		assert(!"a type that the schemas do not have");
	}
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_UINT32:
		return 4;
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return 8;
	}
}

static int is_there(const ProtobufCFieldDescriptor *f, const char *m)
{
	const void *p;

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)(m + f->quantifier_offset) > 0;
	if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE) {
		p = *(const void *const *)(m + f->offset);
		return p && p != f->default_value;
	}
	return *(const protobuf_c_boolean *)(m + f->quantifier_offset);
}

void dump_message(struct strbuf *out, const ProtobufCMessage *m)
{
	const char *sep = "";

	assert(m->n_unknown_fields == 0);
	strbuf_putc(out, '{');
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		const char *in = (const char *)m, *at = in + f->offset;

		if (!is_there(f, in))
			continue;
		strbuf_printf(out, "%s%s: ", sep, f->name);
		sep = ", ";
		if (f->label != PROTOBUF_C_LABEL_REPEATED) {
			dump_value(out, f, at);
			continue;
		}
		strbuf_putc(out, '[');
		for (size_t e = 0; e < *(const size_t *)(in + f->quantifier_offset); e++) {
			strbuf_puts(out, e ? ", " : "");
			dump_value(out, f, *(const char *const *)at + e * size_of(f));
		}
		strbuf_putc(out, ']');
	}
	strbuf_putc(out, '}');
}

void dump_bytes(struct strbuf *out, const ProtobufCMessageDescriptor *type, const void *bytes,
		size_t n)
{
	ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, n, bytes);

	assert(m);
	dump_message(out, m);
	protobuf_c_message_free_unpacked(m, NULL);
}
