# Unit tests: one program a module, run by `make check`. The rest of the tests are in Python.
AM_TESTS_ENVIRONMENT = \
	top_srcdir=$(top_srcdir) top_builddir=$(top_builddir); export top_srcdir top_builddir;
EXTRA_DIST += tests/bench tests/browser tests/docs tests/lib tests/print tests/proto tests/source tests/pytest.ini tests/requirements.txt

check_PROGRAMS += tests/unit/test-state
TESTS += tests/unit/test-state
tests_unit_test_state_SOURCES = tests/unit/test-state.c
tests_unit_test_state_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-decode tests/unit/test-decode-objects
TESTS += tests/unit/test-decode tests/unit/test-decode-objects
check_PROGRAMS += tests/unit/test-decode-plain
TESTS += tests/unit/test-decode-plain
tests_unit_test_decode_plain_SOURCES = tests/unit/test-decode-plain.c
tests_unit_test_decode_plain_LDADD = $(DECODE_LIBS) $(COMMON_LIBS)
tests_unit_test_decode_SOURCES = tests/unit/test-decode.c tests/lib/dump.c
tests_unit_test_decode_LDADD = libtest-proto.a $(DECODE_LIBS) $(COMMON_LIBS)
tests_unit_test_decode_objects_SOURCES = tests/unit/test-decode-objects.c tests/lib/dump.c
tests_unit_test_decode_objects_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
tests_unit_test_decode_objects_LDADD = $(DECODE_LIBS) $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-manifests
TESTS += tests/unit/test-manifests
tests_unit_test_manifests_SOURCES = tests/unit/test-manifests.c
tests_unit_test_manifests_LDADD = $(WATCHER_LIBS)

check_PROGRAMS += tests/unit/test-link
TESTS += tests/unit/test-link
tests_unit_test_link_SOURCES = tests/unit/test-link.c
tests_unit_test_link_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-link-peer
TESTS += tests/unit/test-link-peer
tests_unit_test_link_peer_SOURCES = tests/unit/test-link-peer.c
tests_unit_test_link_peer_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-frame
TESTS += tests/unit/test-frame
tests_unit_test_frame_SOURCES = tests/unit/test-frame.c
tests_unit_test_frame_LDADD = $(COMMON_LIBS)

include tests/fuzz/local.mk

check_PROGRAMS += tests/unit/test-base
TESTS += tests/unit/test-base
tests_unit_test_base_SOURCES = tests/unit/test-base.c
tests_unit_test_base_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-document
TESTS += tests/unit/test-document
tests_unit_test_document_SOURCES = tests/unit/test-document.c
tests_unit_test_document_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-metric
TESTS += tests/unit/test-metric
tests_unit_test_metric_SOURCES = tests/unit/test-metric.c
tests_unit_test_metric_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-text
TESTS += tests/unit/test-text
tests_unit_test_text_SOURCES = tests/unit/test-text.c
tests_unit_test_text_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-control-wait
TESTS += tests/unit/test-control-wait
tests_unit_test_control_wait_SOURCES = tests/unit/test-control-wait.c
tests_unit_test_control_wait_LDADD = $(COMMON_LIBS)

noinst_PROGRAMS += tests/print/print-message
check_PROGRAMS += tests/unit/test-print
TESTS += tests/unit/test-print
tests_unit_test_print_SOURCES = tests/unit/test-print.c
tests_unit_test_print_LDADD = $(PRINT_LIBS) $(COMMON_LIBS)
tests_print_print_message_SOURCES = tests/print/print-message.c
tests_print_print_message_LDADD = $(PRINT_LIBS) $(COMMON_LIBS)

EXTRA_DIST += tests/faults tests/hostile tests/functional tests/golden tests/recordings tests/systemd
check_PROGRAMS += tests/unit/test-supervisor
TESTS += tests/unit/test-supervisor
tests_unit_test_supervisor_SOURCES = tests/unit/test-supervisor.c \
	supervisor/backoff.c supervisor/notify.c
tests_unit_test_supervisor_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-admin
TESTS += tests/unit/test-admin
tests_unit_test_admin_SOURCES = tests/unit/test-admin.c \
	admin/http-server.c admin/metrics-merge.c
tests_unit_test_admin_LDADD = $(COMMON_LIBS)
check_PROGRAMS += tests/unit/test-gateway-listener
TESTS += tests/unit/test-gateway-listener
tests_unit_test_gateway_listener_SOURCES = tests/unit/test-gateway-listener.c
tests_unit_test_gateway_listener_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-match
TESTS += tests/unit/test-match
tests_unit_test_match_SOURCES = tests/unit/test-match.c
tests_unit_test_match_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-header-edits
TESTS += tests/unit/test-header-edits
tests_unit_test_header_edits_SOURCES = tests/unit/test-header-edits.c
tests_unit_test_header_edits_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-domain-merge
TESTS += tests/unit/test-domain-merge
tests_unit_test_domain_merge_SOURCES = tests/unit/test-domain-merge.c
tests_unit_test_domain_merge_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-host-merge
TESTS += tests/unit/test-host-merge
tests_unit_test_host_merge_SOURCES = tests/unit/test-host-merge.c
tests_unit_test_host_merge_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-route-encode
TESTS += tests/unit/test-route-encode
tests_unit_test_route_encode_SOURCES = tests/unit/test-route-encode.c
tests_unit_test_route_encode_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-delegation
TESTS += tests/unit/test-delegation
tests_unit_test_delegation_SOURCES = tests/unit/test-delegation.c
tests_unit_test_delegation_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-translate
TESTS += tests/unit/test-translate
tests_unit_test_translate_SOURCES = tests/unit/test-translate.c
tests_unit_test_translate_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-passwords
TESTS += tests/unit/test-passwords
tests_unit_test_passwords_SOURCES = tests/unit/test-passwords.c
tests_unit_test_passwords_LDADD = $(PASSWORDS_LIBS)

check_PROGRAMS += tests/unit/test-destination
TESTS += tests/unit/test-destination
tests_unit_test_destination_SOURCES = tests/unit/test-destination.c
tests_unit_test_destination_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-proxy
TESTS += tests/unit/test-proxy
tests_unit_test_proxy_SOURCES = tests/unit/test-proxy.c
tests_unit_test_proxy_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-http-header
TESTS += tests/unit/test-http-header
tests_unit_test_http_header_SOURCES = tests/unit/test-http-header.c
tests_unit_test_http_header_LDADD = $(K8S_LIBS) $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-word
TESTS += tests/unit/test-word
tests_unit_test_word_SOURCES = tests/unit/test-word.c
tests_unit_test_word_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-small
TESTS += tests/unit/test-small
tests_unit_test_small_SOURCES = tests/unit/test-small.c
tests_unit_test_small_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-part-tree
TESTS += tests/unit/test-part-tree
tests_unit_test_part_tree_SOURCES = tests/unit/test-part-tree.c
tests_unit_test_part_tree_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-propagation
TESTS += tests/unit/test-propagation
tests_unit_test_propagation_SOURCES = tests/unit/test-propagation.c
tests_unit_test_propagation_LDADD = $(TRANSLATOR_LIBS)

check_PROGRAMS += tests/unit/test-quarantine
TESTS += tests/unit/test-quarantine
tests_unit_test_quarantine_SOURCES = tests/unit/test-quarantine.c
tests_unit_test_quarantine_LDADD = $(TRANSLATOR_LIBS)
# A real Kubernetes API server, and what tests of all folders share with pytest.
EXTRA_DIST += tests/conformance tests/conftest.py tests/helm tests/image tests/kube tests/node

check_PROGRAMS += tests/unit/test-body-reader
TESTS += tests/unit/test-body-reader
tests_unit_test_body_reader_SOURCES = tests/unit/test-body-reader.c
tests_unit_test_body_reader_LDADD = $(WATCHER_LIBS)

check_PROGRAMS += tests/unit/test-kubeconfig
TESTS += tests/unit/test-kubeconfig
tests_unit_test_kubeconfig_SOURCES = tests/unit/test-kubeconfig.c
tests_unit_test_kubeconfig_LDADD = $(WATCHER_LIBS)

check_PROGRAMS += tests/unit/test-kube-object
TESTS += tests/unit/test-kube-object
tests_unit_test_kube_object_SOURCES = tests/unit/test-kube-object.c
tests_unit_test_kube_object_LDADD = $(WATCHER_LIBS)

check_PROGRAMS += tests/unit/test-provision
TESTS += tests/unit/test-provision
tests_unit_test_provision_SOURCES = tests/unit/test-provision.c
tests_unit_test_provision_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
tests_unit_test_provision_LDADD = $(WATCHER_LIBS)

check_PROGRAMS += tests/unit/test-gateway-status
TESTS += tests/unit/test-gateway-status
tests_unit_test_gateway_status_SOURCES = tests/unit/test-gateway-status.c
tests_unit_test_gateway_status_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
tests_unit_test_gateway_status_LDADD = $(WATCHER_LIBS)

check_PROGRAMS += tests/unit/test-reflector
TESTS += tests/unit/test-reflector
tests_unit_test_reflector_SOURCES = tests/unit/test-reflector.c
tests_unit_test_reflector_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
tests_unit_test_reflector_LDADD = $(WATCHER_LIBS)

check_PROGRAMS += tests/unit/test-stream
TESTS += tests/unit/test-stream
tests_unit_test_stream_SOURCES = tests/unit/test-stream.c
tests_unit_test_stream_LDADD = $(XDS_LIBS)

check_PROGRAMS += tests/unit/test-stream-random
TESTS += tests/unit/test-stream-random
tests_unit_test_stream_random_SOURCES = tests/unit/test-stream-random.c
tests_unit_test_stream_random_LDADD = $(XDS_LIBS)

check_PROGRAMS += tests/unit/test-refusal
TESTS += tests/unit/test-refusal
tests_unit_test_refusal_SOURCES = tests/unit/test-refusal.c
tests_unit_test_refusal_LDADD = $(XDS_LIBS)

check_PROGRAMS += tests/unit/test-turn
TESTS += tests/unit/test-turn
tests_unit_test_turn_SOURCES = tests/unit/test-turn.c
tests_unit_test_turn_LDADD = $(XDS_LIBS)

check_PROGRAMS += tests/unit/test-resource-store
TESTS += tests/unit/test-resource-store
tests_unit_test_resource_store_SOURCES = tests/unit/test-resource-store.c
tests_unit_test_resource_store_LDADD = $(XDS_LIBS)

check_PROGRAMS += tests/unit/test-saved-state
TESTS += tests/unit/test-saved-state
tests_unit_test_saved_state_SOURCES = tests/unit/test-saved-state.c
tests_unit_test_saved_state_LDADD = $(XDS_LIBS)

check_PROGRAMS += tests/unit/test-scrub
TESTS += tests/unit/test-scrub
tests_unit_test_scrub_SOURCES = tests/unit/test-scrub.c
tests_unit_test_scrub_LDADD = $(XDS_LIBS)

check_PROGRAMS += tests/unit/test-recording
TESTS += tests/unit/test-recording
tests_unit_test_recording_SOURCES = tests/unit/test-recording.c
tests_unit_test_recording_LDADD = $(RECORDING_LIBS) $(COMMON_LIBS) $(RECORDING_SYSTEM_LIBS)

# The stages with faults that tests ask for: all try to break out of their sandbox (break-out.c), and in
# the translator an annotation of an Ingress is a crash, or a route that Envoy refuses.
FAULT_CPPFLAGS = $(AM_CPPFLAGS) -DFAULT_INJECTION
FAULT_SOURCES = common/daemon/daemon.c tests/faults/break-out.c tests/faults/break-out.h
noinst_PROGRAMS += tests/faults/portolan-admin tests/faults/portolan-recorder \
	tests/faults/portolan-translator tests/faults/portolan-watcher tests/faults/portolan-xds-server
tests_faults_portolan_admin_SOURCES = $(admin_portolan_admin_SOURCES) $(FAULT_SOURCES)
tests_faults_portolan_admin_CPPFLAGS = $(FAULT_CPPFLAGS)
tests_faults_portolan_admin_LDADD = $(admin_portolan_admin_LDADD)
tests_faults_portolan_recorder_SOURCES = $(portolan_recorder_SOURCES) $(FAULT_SOURCES)
tests_faults_portolan_recorder_CPPFLAGS = $(FAULT_CPPFLAGS)
tests_faults_portolan_recorder_LDADD = $(portolan_recorder_LDADD)
tests_faults_portolan_translator_SOURCES = $(portolan_translator_SOURCES) translator/host/fault.c $(FAULT_SOURCES)
tests_faults_portolan_translator_CPPFLAGS = $(FAULT_CPPFLAGS)
tests_faults_portolan_translator_LDADD = $(portolan_translator_LDADD)
tests_faults_portolan_watcher_SOURCES = $(portolan_watcher_SOURCES) $(FAULT_SOURCES)
tests_faults_portolan_watcher_CPPFLAGS = $(FAULT_CPPFLAGS)
tests_faults_portolan_watcher_LDADD = $(portolan_watcher_LDADD)
tests_faults_portolan_xds_server_SOURCES = $(portolan_xds_server_SOURCES) $(FAULT_SOURCES)
tests_faults_portolan_xds_server_CPPFLAGS = $(FAULT_CPPFLAGS)
tests_faults_portolan_xds_server_LDADD = $(portolan_xds_server_LDADD)

check_PROGRAMS += tests/hostile/chosen-names
tests_hostile_chosen_names_SOURCES = tests/hostile/chosen-names.c

check_PROGRAMS += tests/unit/test-sandbox
TESTS += tests/unit/test-sandbox
tests_unit_test_sandbox_SOURCES = tests/unit/test-sandbox.c
tests_unit_test_sandbox_LDADD = $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-configuration
TESTS += tests/unit/test-configuration
tests_unit_test_configuration_SOURCES = tests/unit/test-configuration.c tests/lib/dump.c
tests_unit_test_configuration_LDADD = $(DECODE_LIBS) $(COMMON_LIBS)

check_PROGRAMS += tests/unit/test-nginx
TESTS += tests/unit/test-nginx
tests_unit_test_nginx_SOURCES = tests/unit/test-nginx.c
tests_unit_test_nginx_LDADD = $(TRANSLATOR_LIBS)

noinst_PROGRAMS += tests/print/nginx-annotations
tests_print_nginx_annotations_SOURCES = tests/print/nginx-annotations.c
tests_print_nginx_annotations_LDADD = $(TRANSLATOR_LIBS)
