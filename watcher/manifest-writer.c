/* Writes the API's objects as one stream of YAML documents: by kind in our table's order, then by
 * namespace and name, so that two dumps can be compared line by line. Can leave out Secrets. Used
 * by portolan-watcher --once. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/decode/decode.h"
#include "common/decode/object-kind.h"
#include "common/redact/redact.h"
#include "k8s/core.pb-c.h"
#include "watcher/kube/kube-dump.h"
#include "watcher/manifest-writer.h"

enum { EXIT_ALL_READ = 0, EXIT_SOME_UNREADABLE = 1, EXIT_USAGE = 2 };

struct entry {
	unsigned kind;
	const char *namespace, *name; /* of the object */
	struct json_object *object;
};

struct manifest_writer {
	struct redact *redact; /* NULL: Secrets unchanged */
	struct decoder *decoder;
	struct entry *entries;
	size_t n, cap;
};

/* ---- Secrets ---- */

static void set_base64(struct json_object *data, const char *key, const uint8_t *bytes, size_t n)
{
	_cleanup_free_ uint8_t *text = xmalloc(4 * ((n + 2) / 3) + 1);
	int len = EVP_EncodeBlock(text, bytes, (int)n);

	(void)json_object_object_add(data, key,
				     json_object_new_string_len((const char *)text, len));
}

/* Replaces the object's values by those of the redacted item, or removes them. */
static void take_values(struct json_object *object, const struct item *i)
{
	K8s__Secret *s = i ? k8s__secret__unpack(NULL, i->value_len, item_value(i)) : NULL;
	struct json_object *data = json_object_new_object();

	for (size_t k = 0; s && k < s->n_data; k++)
		if (s->data[k]->key && s->data[k]->value.len <= 3u << 20)
			set_base64(data, s->data[k]->key, s->data[k]->value.data,
				   s->data[k]->value.len);
	k8s__secret__free_unpacked(s, NULL);
	json_object_object_del(object, "stringData");
	(void)json_object_object_add(object, "data", data);
}

struct redaction {
	struct redact *redact;
	struct json_object *object;
	bool done;
};

static void on_secret(void *ctx, const struct decoded *o)
{
	struct redaction *r = ctx;
	_cleanup_(item_unrefp) struct item *whole = NULL, *redacted = NULL;

	if (!o->value || !o->key)
		return;
	whole = item_new(o->kind, o->key, o->key_len, "", 0, o->value, o->value_len);
	redacted = redact_item(r->redact, whole);
	take_values(r->object, redacted);
	r->done = true;
}

static void redact_secret(struct manifest_writer *w, struct json_object *object)
{
	struct redaction r = { .redact = w->redact, .object = object };

	decode_json_object(w->decoder, OBJECT_SECRET, object, on_secret, &r);
	/* One that cannot be read has its values taken out all the same. */
	if (!r.done)
		take_values(object, NULL);
}

/* ---- objects ---- */

static void on_object(void *ctx, unsigned kind, struct json_object *object)
{
	struct manifest_writer *w = ctx;
	struct json_object *metadata = json_member(object, "metadata");

	if (w->redact && kind == OBJECT_SECRET)
		redact_secret(w, object);
	GROW(w->entries, w->n, w->cap);
	w->entries[w->n++] = (struct entry){ kind, json_text(metadata, "namespace"),
					     json_text(metadata, "name"), json_object_get(object) };
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int d;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	d = strcmp(x->namespace, y->namespace);
	return d ? d : strcmp(x->name, y->name);
}

static int write_bytes(int fd, const struct strbuf *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(fd, strbuf_str(b) + at, b->len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int write_all(struct manifest_writer *w, const char *path)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int fd, r = 0;

	fd = strcmp(path, "-") == 0
		     ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
		     : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		return log_error_errno(-errno, "cannot write %s: %m", path);
	if (w->n)
		qsort(w->entries, w->n, sizeof(*w->entries), compare);
	for (size_t i = 0; i < w->n && r >= 0; i++) {
		strbuf_clear(&text);
		strbuf_puts(&text, "---\n");
		json_print(w->entries[i].object, DOCUMENT_YAML, &text);
		r = write_bytes(fd, &text);
	}
	if (close(fd) < 0 && r >= 0)
		r = -errno;
	return r < 0 ? log_error_errno(r, "cannot write %s: %m", path) : 0;
}

/* ---- the whole ---- */

static int open_access(const struct watcher_options *o, struct kube_access **ret)
{
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	int r = o->kube.in_cluster
			? kubeconfig_in_cluster(NULL, ret, &why)
			: kubeconfig_load(o->kube.kubeconfig, o->kube.context, ret, &why);

	if (r < 0)
		log_error("cannot find the Kubernetes API: %s", strbuf_str(&why));
	return r;
}

static int open_redact(struct manifest_writer *w, const struct watcher_options *o)
{
	int r = redact_new(o->redact_key, &w->redact);

	if (r < 0)
		log_error_errno(r, "--redact-key: %s has no 16 bytes that can be read",
				o->redact_key);
	return r;
}

static void writer_done(struct manifest_writer *w)
{
	for (size_t i = 0; i < w->n; i++)
		json_object_put(w->entries[i].object);
	free(w->entries);
	decoder_free(w->decoder);
	redact_free(w->redact);
}
DEFINE_CLEANUP(struct manifest_writer *, writer_done)

int manifest_writer_run(const struct watcher_options *o)
{
	struct manifest_writer w = { .decoder = decoder_new(NULL) };
	_cleanup_(writer_donep) struct manifest_writer *done = &w;
	_cleanup_(kube_access_freep) struct kube_access *access = NULL;
	_cleanup_(event_loop_freep) struct event_loop *loop = NULL;
	struct kube_dump_config config = { .namespaces = o->kube.watch_namespaces.words,
					   .n_namespaces = o->kube.watch_namespaces.n,
					   .object = on_object,
					   .ctx = &w };
	size_t denied;

	(void)done;
	if (o->redact_key && !o->redact) {
		(void)fprintf(stderr, "--redact-key goes with --redact\n");
		return EXIT_USAGE;
	}
	if ((o->redact && open_redact(&w, o) < 0) || open_access(o, &access) < 0)
		return EXIT_SOME_UNREADABLE;
	loop = event_loop_new();
	if (kube_dump(loop, access, &config, &denied) < 0 || write_all(&w, o->write_manifests) < 0)
		return EXIT_SOME_UNREADABLE;
	return denied ? EXIT_SOME_UNREADABLE : EXIT_ALL_READ;
}
