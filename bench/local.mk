# What speed and size are measured with: bench/run, and the client that it measures at.
noinst_PROGRAMS += bench/xds-client
bench_xds_client_SOURCES = bench/xds-client.c
bench_xds_client_LDADD = $(COMMON_LIBS) libxds-proto.a $(PROTOBUF_C_LIBS) $(GRPC_LIBS)
EXTRA_DIST += bench/kube bench/kube_driver.py bench/resilience bench/resilience_driver.py bench/run bench/churn.py bench/driver.py bench/envoy.py bench/figures.py bench/fleet.py bench/gateway bench/gateway_driver.py bench/growth.py bench/hosts.py bench/nginx.py bench/plot.py bench/processes.py bench/proxying.py bench/replicas.py \
	bench/trees.py bench/world.py bench/soak bench/endurance
