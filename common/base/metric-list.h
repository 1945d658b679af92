/* Every metric of every stage, a row each: name in code, type, unit, stage ("" for all of them),
 * name, labels ("a,b"), help. docs/look-up/metrics.md is made from it
 * (`portolan metrics --markdown`). The rules of https://prometheus.io/docs/practices/naming/ hold:
 * counters end in _total, the unit is in the name, and is a base unit.
 * tests/functional/test_metrics.py checks a live scrape against this table.
 */
#pragma once

/* clang-format off */
#define METRICS(M) \
	M(BUILD_INFO, GAUGE, "", "", "portolan_build_info", "version", \
	  "1; the label has the version of the program.") \
	M(PROCESS_CPU_SECONDS, COUNTER, "seconds", "", "process_cpu_seconds_total", "", \
	  "User and system processor time.") \
	M(PROCESS_RESIDENT_BYTES, GAUGE, "bytes", "", "process_resident_memory_bytes", "", \
	  "Resident memory.") \
	M(PROCESS_OPEN_FDS, GAUGE, "", "", "process_open_fds", "", "Open file descriptors.") \
	M(PROCESS_START, GAUGE, "seconds", "", "process_start_time_seconds", "", \
	  "When the process began, in seconds since 1970.") \
	M(INCIDENTS, COUNTER, "", "", "portolan_incidents_total", "kind", \
	  "Faults that the process survived, by kind.") \
	M(LINK_CONNECTED, GAUGE, "", "", "portolan_link_connected", "link", \
	  "Whether the peer is connected.") \
	M(LINK_IN_SYNC, GAUGE, "", "", "portolan_link_in_sync", "link", \
	  "Whether the peer has acknowledged everything that was committed.") \
	M(LINK_CONNECTS, COUNTER, "", "", "portolan_link_connects_total", "link", \
	  "Times that the peer connected.") \
	M(LINK_DISCONNECTS, COUNTER, "", "", "portolan_link_disconnects_total", "link", \
	  "Times that the peer was lost.") \
	M(LINK_RESYNCS_ASKED, COUNTER, "", "", "portolan_link_resyncs_asked_total", "link", \
	  "Snapshots asked of the peer.") \
	M(LINK_RESYNCS_SENT, COUNTER, "", "", "portolan_link_resyncs_sent_total", "link", \
	  "Snapshots sent because the peer asked.") \
	M(LINK_REJECTED_FRAMES, COUNTER, "", "", "portolan_link_rejected_frames_total", "link", \
	  "Frames that were refused.") \
	M(LINK_FRAMES_IN, COUNTER, "", "", "portolan_link_frames_in_total", "link", \
	  "Frames received.") \
	M(LINK_FRAMES_OUT, COUNTER, "", "", "portolan_link_frames_out_total", "link", \
	  "Frames sent.") \
	M(LINK_BYTES_IN, COUNTER, "bytes", "", "portolan_link_in_bytes_total", "link", \
	  "Bytes received.") \
	M(LINK_BYTES_OUT, COUNTER, "bytes", "", "portolan_link_out_bytes_total", "link", \
	  "Bytes sent.") \
	M(LINK_SNAPSHOTS_IN, COUNTER, "", "", "portolan_link_snapshots_in_total", "link", \
	  "Snapshots received and applied.") \
	M(LINK_SNAPSHOTS_OUT, COUNTER, "", "", "portolan_link_snapshots_out_total", "link", \
	  "Snapshots sent.") \
	M(LINK_DELTAS_IN, COUNTER, "", "", "portolan_link_deltas_in_total", "link", \
	  "Deltas received and applied.") \
	M(LINK_DELTAS_OUT, COUNTER, "", "", "portolan_link_deltas_out_total", "link", \
	  "Deltas sent.") \
	M(LINK_PENDING_KEYS, GAUGE, "", "", "portolan_link_pending_keys", "link", \
	  "Items that changed and were not sent yet.") \
	M(LINK_UNSENDABLE_ITEMS, GAUGE, "", "", "portolan_link_unsendable_items", "link", \
	  "Items that are too large for a frame.") \
	M(WATCHER_OBJECTS, GAUGE, "", "watcher", "portolan_watcher_objects", "kind", \
	  "Kubernetes objects held.") \
	M(WATCHER_OBJECT_BYTES, GAUGE, "bytes", "watcher", "portolan_watcher_object_bytes", "", \
	  "Bytes held by objects.") \
	M(WATCHER_COMMITS, COUNTER, "", "watcher", "portolan_watcher_commits_total", "", \
	  "Times that the objects changed.") \
	M(WATCHER_WORLD, GAUGE, "", "watcher", "portolan_watcher_world", "", \
	  "Number of the newest world: all objects after one change.") \
	M(WATCHER_NOTES, GAUGE, "", "watcher", "portolan_watcher_notes", "", \
	  "Objects or documents with a problem that the watcher itself found.") \
	M(OBJECTS, GAUGE, "", "watcher", "portolan_objects", "kind,verdict", \
	  "Objects that Portolan has judged, by verdict.") \
	M(OBJECT_PROBLEMS, GAUGE, "", "watcher", "portolan_object_problems", \
	  "kind,severity,reason", "Problems of objects, by reason.") \
	M(CONTOUR_BUILD_INFO, GAUGE, "", "watcher", "contour_build_info", \
	  "branch,revision,version", "With --contour-metrics, as all that begin so: 1.") \
	M(CONTOUR_DAG_CACHE_OBJECT, GAUGE, "", "watcher", "contour_dag_cache_object", "kind", \
	  "Kubernetes objects held.") \
	M(CONTOUR_DAGREBUILD, COUNTER, "", "watcher", "contour_dagrebuild_total", "", \
	  "Times that the objects changed.") \
	M(CONTOUR_DAGREBUILD_TIME, GAUGE, "seconds", "watcher", "contour_dagrebuild_timestamp", \
	  "", "When they changed last, in seconds since 1970.") \
	M(CONTOUR_HTTPPROXY, GAUGE, "", "watcher", "contour_httpproxy", "namespace", \
	  "HTTPProxies.") \
	M(CONTOUR_HTTPPROXY_ROOT, GAUGE, "", "watcher", "contour_httpproxy_root", "namespace", \
	  "HTTPProxies with a virtualhost.") \
	M(CONTOUR_HTTPPROXY_ORPHANED, GAUGE, "", "watcher", "contour_httpproxy_orphaned", \
	  "namespace", "HTTPProxies that no other includes and that have no virtualhost.") \
	M(CONTOUR_HTTPPROXY_VALID, GAUGE, "", "watcher", "contour_httpproxy_valid", \
	  "namespace,vhost", "HTTPProxies that are accepted.") \
	M(CONTOUR_HTTPPROXY_INVALID, GAUGE, "", "watcher", "contour_httpproxy_invalid", \
	  "namespace,vhost", "HTTPProxies that are served in part or not at all.") \
	M(CONFIG_REFUSED, GAUGE, "", "watcher", "portolan_watcher_config_refused", "", \
	  "Whether the newest configuration was refused, and the former one is used.") \
	M(CONFIG_RELOADS, COUNTER, "", "watcher", "portolan_watcher_config_reloads_total", \
	  "result", "Times that the configuration file was read again.") \
	M(CONFIG_LOADED, GAUGE, "seconds", "watcher", \
	  "portolan_watcher_config_loaded_timestamp_seconds", "", \
	  "When the configuration in use was read, in seconds since 1970.") \
	M(REPLAY_CHANGES, COUNTER, "", "watcher", "portolan_replay_changes_total", "", \
	  "Changes of the recording that were replayed.") \
	M(REPLAY_ENDED, GAUGE, "", "watcher", "portolan_replay_ended", "", \
	  "Whether the recording is at its end.") \
	M(MANIFESTS_FILES, GAUGE, "", "watcher", "portolan_manifests_files", "", \
	  "Files that are followed.") \
	M(MANIFESTS_DIRECTORIES, GAUGE, "", "watcher", "portolan_manifests_directories", "", \
	  "Directories that are followed.") \
	M(MANIFESTS_UNWATCHED, GAUGE, "", "watcher", "portolan_manifests_unwatched_directories", \
	  "", "Directories that inotify has no watch for; they are read again at intervals.") \
	M(MANIFESTS_UNREADABLE, GAUGE, "", "watcher", "portolan_manifests_unreadable_documents", \
	  "", "Documents that are not valid.") \
	M(MANIFESTS_IGNORED, GAUGE, "", "watcher", "portolan_manifests_ignored_objects", "", \
	  "Objects of kinds that Portolan does not read.") \
	M(MANIFESTS_CONFLICTS, GAUGE, "", "watcher", "portolan_manifests_conflicts", "", \
	  "Objects that several files define.") \
	M(MANIFESTS_READS, COUNTER, "", "watcher", "portolan_manifests_reads_total", "", \
	  "Files read.") \
	M(MANIFESTS_READ_BYTES, COUNTER, "bytes", "watcher", \
	  "portolan_manifests_read_bytes_total", "", "Bytes of files read.") \
	M(MANIFESTS_RESCANS, COUNTER, "", "watcher", "portolan_manifests_rescans_total", "", \
	  "Times that all directories were read again.") \
	M(MANIFESTS_LOST_EVENTS, COUNTER, "", "watcher", "portolan_manifests_lost_events_total", \
	  "", "Times that the kernel dropped events of files.") \
	M(KUBE_LISTS, COUNTER, "", "watcher", "portolan_kube_lists_total", "kind", \
	  "Lists asked for.") \
	M(KUBE_RELISTS, COUNTER, "", "watcher", "portolan_kube_relists_total", "kind", \
	  "Lists asked for again after a watch was lost.") \
	M(KUBE_WATCHES, COUNTER, "", "watcher", "portolan_kube_watches_total", "kind", \
	  "Watches begun.") \
	M(KUBE_EVENTS, COUNTER, "", "watcher", "portolan_kube_events_total", "kind", \
	  "Watch events received.") \
	M(KUBE_BOOKMARKS, COUNTER, "", "watcher", "portolan_kube_bookmarks_total", "kind", \
	  "Bookmarks received.") \
	M(KUBE_FAILURES, COUNTER, "", "watcher", "portolan_kube_failures_total", "kind", \
	  "Lists and watches that failed.") \
	M(KUBE_UNREADABLE, COUNTER, "", "watcher", "portolan_kube_unreadable_total", "kind", \
	  "Objects that could not be decoded.") \
	M(KUBE_BYTES, COUNTER, "bytes", "watcher", "portolan_kube_bytes_total", "kind", \
	  "Bytes of lists and watches received.") \
	M(KUBE_SYNCED, GAUGE, "", "watcher", "portolan_kube_synced", "kind", \
	  "Whether all objects of the kind are known.") \
	M(KUBE_LAST_EVENT_AGE, GAUGE, "seconds", "watcher", \
	  "portolan_kube_last_event_age_seconds", "kind", \
	  "Time since the last event of the kind.") \
	M(KUBE_CONNECTIONS, COUNTER, "", "watcher", "portolan_kube_connections_total", "", \
	  "Connections to the API server.") \
	M(KUBE_CONNECTIONS_DROPPED, COUNTER, "", "watcher", \
	  "portolan_kube_connections_dropped_total", "", \
	  "Connections to the API server that were given up.") \
	M(KUBE_REQUESTS, COUNTER, "", "watcher", "portolan_kube_requests_total", "", \
	  "Requests to the API server.") \
	M(KUBE_REQUESTS_FAILED, COUNTER, "", "watcher", "portolan_kube_requests_failed_total", \
	  "", "Requests to the API server that failed.") \
	M(KUBE_RECEIVED_BYTES, COUNTER, "bytes", "watcher", \
	  "portolan_kube_received_bytes_total", "", "Bytes received from the API server.") \
	M(KUBE_LEADER, GAUGE, "", "watcher", "portolan_kube_leader", "", \
	  "Whether this watcher writes statuses.") \
	M(KUBE_STATUS_WRITES, COUNTER, "", "watcher", "portolan_kube_status_writes_total", "", \
	  "Statuses written.") \
	M(KUBE_STATUS_UNCHANGED, COUNTER, "", "watcher", "portolan_kube_status_unchanged_total", \
	  "", "Statuses that the API server already had.") \
	M(KUBE_STATUS_CONFLICTS, COUNTER, "", "watcher", "portolan_kube_status_conflicts_total", \
	  "", "Statuses written again after a conflict.") \
	M(KUBE_STATUS_FAILURES, COUNTER, "", "watcher", "portolan_kube_status_failures_total", \
	  "", "Statuses that could not be written.") \
	M(KUBE_STATUS_WAITING, GAUGE, "", "watcher", "portolan_kube_status_waiting", "", \
	  "Statuses that wait to be written.") \
	M(KUBE_EVENT_WRITES, COUNTER, "", "watcher", "portolan_kube_event_writes_total", "", \
	  "Events written.") \
	M(KUBE_EVENT_REPEATS, COUNTER, "", "watcher", "portolan_kube_event_repeats_total", "", \
	  "Events counted in one that was written before.") \
	M(KUBE_EVENT_DROPS, COUNTER, "", "watcher", "portolan_kube_event_drops_total", "", \
	  "Events dropped because there were too many.") \
	M(KUBE_EVENT_FAILURES, COUNTER, "", "watcher", "portolan_kube_event_failures_total", "", \
	  "Events that could not be written.") \
	M(KUBE_FLEETS_WAITING, GAUGE, "", "watcher", "portolan_kube_fleets_waiting", "", \
	  "Gateways' own Envoys that wait to be upgraded.") \
	M(KUBE_FLEET_UPGRADE_AGE, GAUGE, "seconds", "watcher", \
	  "portolan_kube_fleet_upgrade_age_seconds", "", \
	  "For how long the upgrade of one Gateway's Envoys has been under way; 0: none is.") \
	M(TRANSLATOR_OBJECTS, GAUGE, "", "translator", "portolan_translator_objects", "", \
	  "Kubernetes objects held.") \
	M(TRANSLATOR_RESOURCES, GAUGE, "", "translator", "portolan_translator_resources", "", \
	  "Envoy resources, and parts of them, that were made.") \
	M(TRANSLATOR_RESOURCE_BYTES, GAUGE, "bytes", "translator", \
	  "portolan_translator_resource_bytes", "", "Bytes of these resources.") \
	M(TRANSLATOR_WORLD, GAUGE, "", "translator", "portolan_translator_world", "", \
	  "Number of the world that the resources reflect.") \
	M(TRANSLATOR_CELLS, GAUGE, "", "translator", "portolan_translator_cells", "", \
	  "Cells of the graph.") \
	M(TRANSLATOR_WAVES, COUNTER, "", "translator", "portolan_translator_waves_total", "", \
	  "Times that something was translated.") \
	M(TRANSLATOR_WAVE_SECONDS, HISTOGRAM, "seconds", "translator", \
	  "portolan_translator_wave_seconds", "", "Time that a translation took.") \
	M(TRANSLATOR_UNITS_RUN, COUNTER, "", "translator", \
	  "portolan_translator_units_run_total", "", "Units of translation run.") \
	M(TRANSLATOR_UNITS_UNCHANGED, COUNTER, "", "translator", \
	  "portolan_translator_units_unchanged_total", "", \
	  "Units run that gave the same output as before.") \
	M(TRANSLATOR_SET_ASIDE, GAUGE, "", "translator", "portolan_translator_set_aside", "", \
	  "Objects set aside because the translator crashed at them.") \
	M(TRANSLATOR_REJECTS, COUNTER, "", "translator", "portolan_translator_rejects_total", \
	  "", "Changes that Envoy refused.") \
	M(TRANSLATOR_HELD, GAUGE, "", "translator", "portolan_translator_held", "", \
	  "Resources, and parts of them, held back because Envoy refused them.") \
	M(TRANSLATOR_SECRETS_KEPT, GAUGE, "", "translator", "portolan_translator_secrets_kept", \
	  "", "Unusable Secrets whose former certificate is served.") \
	M(TRANSLATOR_UNCONFIRMED, GAUGE, "", "translator", "portolan_translator_unconfirmed", \
	  "", "Changes that not every Envoy has accepted yet.") \
	M(TRANSLATOR_UNITS, GAUGE, "", "translator", "portolan_translator_units", "kind", \
	  "Units alive, by kind.") \
	M(TRANSLATOR_UNIT_RUNS, COUNTER, "", "translator", \
	  "portolan_translator_unit_runs_total", "kind", "Units run, by kind.") \
	M(CERTIFICATE_EXPIRY, GAUGE, "seconds", "translator", \
	  "portolan_certificate_expiry_timestamp_seconds", "namespace,secret", \
	  "When the certificate that is served ends, in seconds since 1970.") \
	M(XDS_RESOURCES, GAUGE, "", "xds-server", "portolan_xds_resources", "type", \
	  "Resources, by type.") \
	M(XDS_RESOURCE_BYTES, GAUGE, "bytes", "xds-server", "portolan_xds_resource_bytes", "", \
	  "Bytes of resources held.") \
	M(XDS_ENCODED_BYTES, GAUGE, "bytes", "xds-server", "portolan_xds_encoded_bytes", "", \
	  "Bytes of resources kept ready for sending.") \
	M(XDS_BUFFER_BYTES, GAUGE, "bytes", "xds-server", "portolan_xds_buffer_bytes", "", \
	  "Bytes that wait for Envoys.") \
	M(XDS_WORLD, GAUGE, "", "xds-server", "portolan_xds_world", "", \
	  "Number of the world that is served.") \
	M(XDS_ACKED_WORLD, GAUGE, "", "xds-server", "portolan_xds_acked_world", "", \
	  "Number of the world that all connected Envoys have accepted.") \
	M(XDS_REFUSED_RESOURCES, GAUGE, "", "xds-server", "portolan_xds_refused_resources", "", \
	  "Resources that some Envoy refuses.") \
	M(XDS_REQUESTS, COUNTER, "", "xds-server", "portolan_xds_requests_total", "type", \
	  "Requests of Envoys.") \
	M(XDS_RESPONSES, COUNTER, "", "xds-server", "portolan_xds_responses_total", "type", \
	  "Responses sent.") \
	M(XDS_RESOURCES_SENT, COUNTER, "", "xds-server", "portolan_xds_resources_sent_total", \
	  "type", "Resources sent.") \
	M(XDS_REMOVALS_SENT, COUNTER, "", "xds-server", "portolan_xds_removals_sent_total", \
	  "type", "Removals of resources sent.") \
	M(XDS_SENT_BYTES, COUNTER, "bytes", "xds-server", "portolan_xds_sent_bytes_total", \
	  "type", "Bytes sent.") \
	M(XDS_ACKS, COUNTER, "", "xds-server", "portolan_xds_acks_total", "type", \
	  "Responses that Envoys accepted.") \
	M(XDS_NACKS, COUNTER, "", "xds-server", "portolan_xds_nacks_total", "type", \
	  "Responses that Envoys refused.") \
	M(XDS_COMMIT_TO_ACK, HISTOGRAM, "seconds", "xds-server", \
	  "portolan_xds_commit_to_ack_seconds", "type", \
	  "Time from a resource's arrival in the xDS server to an Envoy's acceptance.") \
	M(EVENT_TO_ACK, HISTOGRAM, "seconds", "xds-server", "portolan_event_to_ack_seconds", "", \
	  "Time from an event at the watcher until an Envoy has accepted what follows from it.") \
	M(XDS_WORLDS, COUNTER, "", "xds-server", "portolan_xds_worlds_total", "", \
	  "Worlds received.") \
	M(XDS_STALE_ANSWERS, COUNTER, "", "xds-server", "portolan_xds_stale_answers_total", "", \
	  "Answers of Envoys to a response that a newer one has replaced.") \
	M(XDS_UNKNOWN_TYPES, COUNTER, "", "xds-server", "portolan_xds_unknown_types_total", "", \
	  "Requests for a type of resource that is not served.") \
	M(XDS_ORDERING_TIMEOUTS, COUNTER, "", "xds-server", \
	  "portolan_xds_ordering_timeouts_total", "", \
	  "Times that an Envoy did not answer one type of resource before the next was due.") \
	M(XDS_BATCHES_SPLIT, COUNTER, "", "xds-server", "portolan_xds_batches_split_total", "", \
	  "Responses that an Envoy refused and that were sent again in parts.") \
	M(XDS_REFUSALS_DROPPED, COUNTER, "", "xds-server", \
	  "portolan_xds_refusals_dropped_total", "", \
	  "Refusals that were not reported because there were too many.") \
	M(XDS_STREAMS, GAUGE, "", "xds-server", "portolan_xds_streams", "", \
	  "Streams that are open.") \
	M(XDS_STREAMS_OPENED, COUNTER, "", "xds-server", "portolan_xds_streams_opened_total", \
	  "", "Streams that were opened.") \
	M(XDS_CONNECTIONS, GAUGE, "", "xds-server", "portolan_xds_connections", "", \
	  "Connections on which streams are open.") \
	M(XDS_STREAMS_ENDED, COUNTER, "", "xds-server", "portolan_xds_streams_ended_total", "why", \
	  "Streams that were ended: silent, old, or too many on one connection.") \
	M(XDS_CALLS_REFUSED, COUNTER, "", "xds-server", "portolan_xds_calls_refused_total", "", \
	  "Calls that were refused.") \
	M(XDS_CERTIFICATE_LOADS, COUNTER, "", "xds-server", \
	  "portolan_xds_certificate_loads_total", "", \
	  "Times that the server's certificate was read.") \
	M(XDS_CERTIFICATE_FAILURES, COUNTER, "", "xds-server", \
	  "portolan_xds_certificate_failures_total", "", \
	  "Times that the server's certificate could not be used.") \
	M(XDS_SAVED_STATE_FILES, COUNTER, "", "xds-server", \
	  "portolan_xds_saved_state_files_total", "", \
	  "Times that the resources were kept in a file.") \
	M(XDS_SAVED_STATE_FAILURES, COUNTER, "", "xds-server", \
	  "portolan_xds_saved_state_failures_total", "", "Times that they could not be kept.") \
	M(XDS_SAVED_STATE_BYTES, COUNTER, "bytes", "xds-server", \
	  "portolan_xds_saved_state_written_bytes_total", "", "Bytes written to keep them.") \
	M(XDS_SAVED_STATE_CURRENT, GAUGE, "", "xds-server", "portolan_xds_saved_state_current", \
	  "", "Whether the file has the resources as they are served.") \
	M(RECORDER_TRANSFERS, COUNTER, "", "recorder", "portolan_recorder_transfers_total", "", \
	  "Changes recorded.") \
	M(RECORDER_BLOCKS, COUNTER, "", "recorder", "portolan_recorder_blocks_total", "", \
	  "Blocks written.") \
	M(RECORDER_FILES, COUNTER, "", "recorder", "portolan_recorder_files_total", "", \
	  "Files begun.") \
	M(RECORDER_FRAME_BYTES, COUNTER, "bytes", "recorder", \
	  "portolan_recorder_frame_bytes_total", "", "Bytes recorded, before compression.") \
	M(RECORDER_WRITTEN_BYTES, COUNTER, "bytes", "recorder", \
	  "portolan_recorder_written_bytes_total", "", "Bytes written.") \
	M(RECORDER_FAILURES, COUNTER, "", "recorder", "portolan_recorder_failures_total", "", \
	  "Writes that failed.") \
	M(PASSWORDS_CHECKS, COUNTER, "", "passwords", "portolan_passwords_checks_total", \
	  "result", \
	  "Passwords that Envoy asked about: right, remembered (right, and checked a moment " \
	  "ago), wrong, unknown (the file of users) or busy (too many wait).") \
	M(PASSWORDS_WAITING, GAUGE, "", "passwords", "portolan_passwords_waiting", "", \
	  "Passwords whose hash is being computed, or waits for it.") \
	M(PASSWORDS_FILES, GAUGE, "", "passwords", "portolan_passwords_files", "", \
	  "Files of users that are known.") \
	M(CHILD_READY, GAUGE, "", "supervisor", "portolan_child_ready", "child", \
	  "Whether the program runs and is ready.") \
	M(CHILD_RESTARTS, COUNTER, "", "supervisor", "portolan_child_restarts_total", "child", \
	  "Times that the program was started again.") \
	M(CHILD_WATCHDOG_KILLS, COUNTER, "", "supervisor", \
	  "portolan_child_watchdog_kills_total", "child", \
	  "Times that the program was ended because it did not feed its watchdog.") \
	M(NOTIFY_DROPPED, COUNTER, "", "supervisor", "portolan_notify_dropped_total", "", \
	  "Readiness messages that were not taken.") \
	M(STAGE_UP, GAUGE, "", "admin", "portolan_stage_up", "", "Whether the stage answers.") \
	M(ADMIN_REQUESTS, COUNTER, "", "admin", "portolan_admin_requests_total", "", \
	  "Requests on the admin port.") \
	M(ADMIN_REFUSED, COUNTER, "", "admin", "portolan_admin_refused_total", "", \
	  "Requests refused because of the Host that they name.")
/* clang-format on */
