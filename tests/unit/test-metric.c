/* common/base/metric: the text format of Prometheus */
#include "common/base/metric.h"
#include "tests/lib/test.h"

TEST(a_family_has_a_head_and_its_samples)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	metric_family(&out, METRIC_OBJECTS);
	metric_sample(&out, METRIC_OBJECTS, 3, "Ingress", "accepted");
	metric_single(&out, METRIC_XDS_STREAMS, 2);
	CHECK_STR(out.s, "# HELP portolan_objects Objects that Portolan has judged, by verdict.\n"
			 "# TYPE portolan_objects gauge\n"
			 "portolan_objects{kind=\"Ingress\",verdict=\"accepted\"} 3\n"
			 "# HELP portolan_xds_streams Streams that are open.\n"
			 "# TYPE portolan_xds_streams gauge\n"
			 "portolan_xds_streams 2\n");
}

TEST(label_values_are_escaped)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	metric_sample(&out, METRIC_KUBE_SYNCED, 1, "a\\b\"c\nd");
	CHECK_STR(out.s, "portolan_kube_synced{kind=\"a\\\\b\\\"c\\nd\"} 1\n");
}

TEST(numbers_are_exact)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "portolan_xds_streams 0\n" },
		{ -1, "portolan_xds_streams -1\n" },
		{ 1796000000000001, "portolan_xds_streams 1796000000000001\n" },
		{ 0.1, "portolan_xds_streams 0.1\n" },
		{ 1e300, "portolan_xds_streams 1e+300\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

		metric_sample_labels(&out, METRIC_XDS_STREAMS, rows[i].value, NULL, 0);
		CHECK_STR(out.s, rows[i].text);
	}
}

TEST(a_histogram_counts_up_to_infinity)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct metric_histogram h = { 0 };

	metric_observe(&h, 0.001);
	metric_observe(&h, 0.5);
	metric_observe(&h, 60);
	metric_histogram(&out, METRIC_EVENT_TO_ACK, &h, NULL, 0);
	CHECK(strstr(out.s, "_bucket{le=\"0.0005\"} 0\n"));
	CHECK(strstr(out.s, "_bucket{le=\"0.001\"} 1\n"));
	CHECK(strstr(out.s, "_bucket{le=\"10\"} 2\n"));
	CHECK(strstr(out.s, "_bucket{le=\"+Inf\"} 3\n"));
	CHECK(strstr(out.s, "_sum 60.501\n"));
	CHECK(strstr(out.s, "_count 3\n"));
}
