/* The screen of `portolan run`. Runs in a small process that `portolan run` leaves behind when it
 * becomes the supervisor. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/strbuf.h"
#include "portolan/ask-stages.h"
#include "portolan/run-screen.h"
#include "portolan/text-table.h"

#define TRY_MAX 65536

static const char *string_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : "";
}

static int number_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int(v) : 0;
}

/* "0.0.0.0:8080" is reached as 127.0.0.1 from here. */
static const char *reachable(const char *address, char *text, size_t size)
{
	static const char any[] = "0.0.0.0:";

	if (strncmp(address, any, strlen(any)) != 0)
		return address;
	(void)snprintf(text, size, "127.0.0.1:%s", address + strlen(any));
	return text;
}

static void put_places(const struct run_screen *s, struct strbuf *out)
{
	char text[64];
	struct text_table t;

	text_table_init(&t, 3);
	text_table_add(&t, "  HTTP");
	text_table_add(&t, "http://%s/", reachable(s->http, text, sizeof(text)));
	text_table_add(&t, s->envoy ? "Envoy" : "where Envoys listen on their hosts");
	text_table_add(&t, "  HTTPS");
	text_table_add(&t, "https://%s/", reachable(s->https, text, sizeof(text)));
	text_table_add(&t, s->envoy ? "Envoy, for hosts with TLS" : "");
	text_table_add(&t, "  admin");
	text_table_add(&t, "http://%s/", reachable(s->admin, text, sizeof(text)));
	text_table_add(&t, "state of each stage, metrics, debug pages");
	text_table_add(&t, "  xDS");
	text_table_add(&t, "%s", s->xds);
	text_table_add(&t, "for Envoys: portolan bootstrap --xds-address %s", s->xds);
	text_table_add(&t, "  sockets");
	text_table_add(&t, "%s", s->runtime_dir);
	text_table_add(&t, "the runtime directory");
	text_table_write(&t, out);
	text_table_done(&t);
}

static void put_processes(struct json_object *status, struct strbuf *out)
{
	struct json_object *children;

	strbuf_printf(out, "\n  processes   supervisor %d", number_of(status, "pid"));
	if (json_object_object_get_ex(status, "children", &children))
		for (size_t i = 0; i < json_object_array_length(children); i++) {
			struct json_object *c = json_object_array_get_idx(children, i);

			strbuf_printf(out, ", %s %d", string_of(c, "name"), number_of(c, "pid"));
		}
	strbuf_puts(out, "\n\n");
}

static void put_hints(const struct run_screen *s, struct strbuf *out)
{
	char http[64];

	strbuf_printf(out,
		      "Try\n"
		      "  curl -i -H 'Host: HOST' http://%s/   # a host of your Ingresses\n"
		      "  portolan status --runtime-dir %s\n",
		      reachable(s->http, http, sizeof(http)), s->runtime_dir);
}

static void put_file(const char *path, struct strbuf *out)
{
	FILE *f = fopen(path, "re");

	if (!f) {
		strbuf_printf(out, "(cannot read %s)\n", path);
		return;
	}
	out->len += fread(strbuf_room(out, TRY_MAX), 1, TRY_MAX, f);
	out->s[out->len] = '\0';
	(void)fclose(f);
}

static void print(const struct run_screen *s)
{
	struct stage_question q = { .stage = "supervisor", .target = "/debug/status" };
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct json_object *status;

	ask_stages(s->runtime_dir, &q, 1, 5 * USEC_PER_SEC);
	status = json_tokener_parse(strbuf_str(&q.body));
	strbuf_puts(&out, "\nPortolan " PACKAGE_VERSION " is ready.\n\n");
	put_places(s, &out);
	put_processes(status, &out);
	if (s->try_file)
		put_file(s->try_file, &out);
	else
		put_hints(s, &out);
	strbuf_printf(&out, "\nStop: Ctrl-C, or kill %d\n\n", number_of(status, "pid"));
	json_object_put(status);
	stage_question_done(&q);
	(void)fwrite(out.s, 1, out.len, stdout);
	(void)fflush(stdout);
}

void run_screen_wait_and_print(const struct run_screen *s, const int ready_pipe[2])
{
	char c;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid != 0)
		return;
	(void)close(ready_pipe[1]);
	if (read(ready_pipe[0], &c, 1) == 1)
		print(s);
	_exit(0);
}
