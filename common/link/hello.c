/* HELLO: the sender's role and versions, and whether the receiver accepts them. For links and
 * streams. */
#include <errno.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/link/hello.h"
#include "ipc.pb-c.h"

/* New at each start of the process. */
static const char *boot_id(void)
{
	static char id[2 * 8 + 1];
	uint8_t bytes[8];

	if (id[0])
		return id;
	evutil_secure_rng_get_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return id;
}

void hello_append(struct strbuf *b, const char *role, bool file)
{
	Portolan__Ipc__Hello m = PORTOLAN__IPC__HELLO__INIT;

	m.product = (char *)"portolan";
	m.role = (char *)role;
	m.has_major = m.has_minor = true;
	m.major = FRAME_MAJOR;
	m.minor = FRAME_MINOR;
	m.build = (char *)PACKAGE_VERSION;
	if (!file) {
		m.has_pid = true;
		m.pid = (uint32_t)getpid();
		m.boot = (char *)boot_id();
	}
	frame_append(b, FRAME_HELLO, 0, &m.base);
}

void hello_clean(char *dst, size_t size, const char *src)
{
	size_t n = strnlen(src, size - 1);

	for (size_t i = 0; i < n; i++)
		dst[i] = (unsigned char)src[i] < 0x20 || src[i] == 0x7f ? '?' : src[i];
	dst[n] = '\0';
}

static void explain_major(unsigned major, char *why)
{
	(void)snprintf(why, FRAME_REASON_MAX,
		       "protocol version %u came, this side speaks %d: are both of one release?",
		       major, FRAME_MAJOR);
}

int hello_read(const struct frame *f, struct hello *ret, char *why)
{
	Portolan__Ipc__Hello *m = NULL;
	int r = -EBADMSG;

	if (f->header.type == FRAME_HELLO)
		m = portolan__ipc__hello__unpack(NULL, f->header.length, f->payload);
	if (!m) {
		(void)snprintf(why, FRAME_REASON_MAX, "%s came where a HELLO was due",
			       f->header.type == FRAME_HELLO ? "something undecodable"
							     : frame_type(f->header.type)->name);
		return -EBADMSG;
	}
	if (!m->product || strcmp(m->product, "portolan") != 0) {
		(void)snprintf(why, FRAME_REASON_MAX,
			       "HELLO is not from Portolan: is something else here?");
	} else if (m->major != FRAME_MAJOR) {
		explain_major(m->major, why);
		r = -EPROTONOSUPPORT;
	} else {
		hello_clean(ret->role, sizeof(ret->role), m->role ? m->role : "");
		ret->pid = m->pid;
		r = 0;
	}
	portolan__ipc__hello__free_unpacked(m, NULL);
	return r;
}

void hello_explain(int r, const struct frame *f, char *why)
{
	if (r == -EPROTONOSUPPORT)
		explain_major(f->header.major, why);
	else if (r == -EMSGSIZE)
		(void)snprintf(why, FRAME_REASON_MAX, "a frame longer than its type may be");
	else
		(void)snprintf(why, FRAME_REASON_MAX,
			       "bytes that are not a frame: is this Portolan?");
}
