/* Memory, processor time, descriptors and start of this process, for /metrics of every stage.
 * Dashboards know these names
 * (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics). */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/metric.h"
#include "common/daemon/process-metrics.h"

static int64_t started;

__attribute__((constructor)) static void remember_start(void)
{
	started = clock_realtime();
}

/* A value below 0 is unknown: /proc may be hidden from us. */
static void metric(struct strbuf *out, enum metric m, double value)
{
	if (value >= 0)
		metric_single(out, m, value);
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
	metric_family(out, METRIC_BUILD_INFO);
	metric_sample(out, METRIC_BUILD_INFO, 1, PACKAGE_VERSION);
	metric(out, METRIC_PROCESS_CPU_SECONDS,
	       seconds(&usage.ru_utime) + seconds(&usage.ru_stime));
	metric(out, METRIC_PROCESS_RESIDENT_BYTES, resident_bytes());
	metric(out, METRIC_PROCESS_OPEN_FDS, open_descriptors());
	metric(out, METRIC_PROCESS_START, (double)started / USEC_PER_SEC);
}
