/* portolan metrics: the metrics of all stages, from the table that they are written by. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/metric.h"
#include "common/base/options.h"
#include "portolan/commands.h"
#include "portolan/text-table.h"

static bool arg_markdown;

static const struct option_row options[] = {
	{ "markdown", 0, OPTION_FLAG, &arg_markdown, NULL,
	  "write the page docs/look-up/metrics.md" },
	{ 0 },
};

static const char page_head[] =
	"# Metrics\n\n"
	"`http://127.0.0.1:8000/metrics` has the metrics of all stages in Prometheus' text format. "
	"Each "
	"series has\n"
	"the label `stage` besides those listed here. Every series exists before its first event, "
	"with the value 0.\n"
	"Histograms have the suffixes `_bucket`, `_sum` and `_count`.\n\n"
	"`portolan metrics` prints this table; this page is made by `portolan metrics --markdown`. "
	"Alert rules and a\n"
	"dashboard are in [helm/observability](../../helm/observability).\n";

static const char *stage_of(const struct metric_row *row)
{
	return *row->stage ? row->stage : "all stages";
}

static void write_markdown(struct strbuf *out)
{
	const char *stage = NULL;

	strbuf_puts(out, page_head);
	for (unsigned m = 0; m < METRIC_MAX_; m++) {
		const struct metric_row *row = metric_row((enum metric)m);

		if (!stage || strcmp(stage, row->stage) != 0)
			strbuf_printf(out,
				      "\n## %s\n\n| name | type | unit | labels | what it says |\n"
				      "|---|---|---|---|---|\n",
				      stage_of(row));
		stage = row->stage;
		strbuf_printf(out, "| `%s` | %s | %s | %s | %s |\n", row->name,
			      metric_type_name(row->type), row->unit, row->labels, row->help);
	}
}

static void write_text(struct strbuf *out)
{
	struct text_table t;

	text_table_init(&t, 5);
	for (const char *const *head =
		     (const char *const[]){ "STAGE", "NAME", "TYPE", "LABELS", "HELP", NULL };
	     *head; head++)
		text_table_add(&t, "%s", *head);
	for (unsigned m = 0; m < METRIC_MAX_; m++) {
		const struct metric_row *row = metric_row((enum metric)m);

		text_table_add(&t, "%s", *row->stage ? row->stage : "all");
		text_table_add(&t, "%s", row->name);
		text_table_add(&t, "%s", metric_type_name(row->type));
		text_table_add(&t, "%s", *row->labels ? row->labels : "-");
		text_table_add(&t, "%s", row->help);
	}
	text_table_write(&t, out);
	text_table_done(&t);
}

int cmd_metrics(const struct command *c, int argc, char **argv)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int exit_code;

	if (command_parse(c, argc, argv, options,
			  "Lists the metrics of all stages: name, type, labels and meaning.", 0,
			  &exit_code) < 0)
		return exit_code;
	if (arg_markdown)
		write_markdown(&out);
	else
		write_text(&out);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	return EXIT_SUCCESS;
}
