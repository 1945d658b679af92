/* Memory, processor time, descriptors and start of this process, for /metrics of every stage. The names
 * are those that dashboards know
 * (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics). */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process-metrics.h"

static int64_t started;

__attribute__((constructor)) static void remember_start(void)
{
	started = clock_realtime();
}

/* A value below 0 is unknown: /proc may be hidden from us. */
static void metric(struct strbuf *out, const char *name, const char *type, const char *help, double value)
{
	if (value < 0)
		return;
	strbuf_printf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %.17g\n", name, help, name,
		      type, name, value);
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / USEC_PER_SEC;
}

/* proc(5), /proc/self/statm: sizes in pages, the second is the resident one. */
static double resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages;
	int n;

	if (!f)
		return -1;
	n = fscanf(f, "%*u %lu", &pages);
	(void)fclose(f);
	return n == 1 ? (double)pages * (double)sysconf(_SC_PAGESIZE) : -1;
}

static double open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 3; /* ".", ".." and the directory's own */
}

void process_metrics(struct strbuf *out)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	metric(out, "cpu_seconds_total", "counter", "User and system processor time.",
	       seconds(&usage.ru_utime) + seconds(&usage.ru_stime));
	metric(out, "resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
	metric(out, "open_fds", "gauge", "Open file descriptors.", open_descriptors());
	metric(out, "start_time_seconds", "gauge", "When the process began, since the epoch.",
	       (double)started / USEC_PER_SEC);
}
