# Fuzzers. With --enable-fuzzing (CC=clang) each is a libFuzzer program, to be run by hand:
#     tests/fuzz/fuzz-frame -max_total_time=30 NEW-SEEDS-DIR tests/fuzz/corpus/frame
# Otherwise `make check` runs each over its seeds in corpus/NAME. A new one takes four lines here.
EXTRA_DIST += tests/fuzz/corpus
if FUZZING
noinst_PROGRAMS += $(fuzzers)
fuzz_main =
fuzz_ldflags = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
else
check_PROGRAMS += $(fuzzers)
TESTS += $(fuzzers)
fuzz_main = tests/fuzz/fuzz-main.c
fuzz_ldflags = $(AM_LDFLAGS)
endif
fuzzers =

fuzzers += tests/fuzz/fuzz-frame
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz-frame.c tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_fuzz_frame_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_frame_LDADD = $(COMMON_LIBS)

fuzzers += tests/fuzz/fuzz-watch
tests_fuzz_fuzz_watch_SOURCES = tests/fuzz/fuzz-watch.c tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_fuzz_watch_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS)
tests_fuzz_fuzz_watch_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_watch_LDADD = $(WATCHER_LIBS)

fuzzers += tests/fuzz/fuzz-explain
tests_fuzz_fuzz_explain_SOURCES = tests/fuzz/fuzz-explain.c tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_fuzz_explain_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_explain_LDADD = $(TRANSLATOR_LIBS)

fuzzers += tests/fuzz/fuzz-decode-json
tests_fuzz_fuzz_decode_json_SOURCES = tests/fuzz/fuzz-decode-json.c tests/fuzz/fuzz-decode.h \
	tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_fuzz_decode_json_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_decode_json_LDADD = $(DECODE_LIBS) $(COMMON_LIBS)

fuzzers += tests/fuzz/fuzz-decode-yaml
tests_fuzz_fuzz_decode_yaml_SOURCES = tests/fuzz/fuzz-decode-yaml.c tests/fuzz/fuzz-decode.h \
	tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_fuzz_decode_yaml_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_decode_yaml_LDADD = $(DECODE_LIBS) $(COMMON_LIBS)

fuzzers += tests/fuzz/fuzz-xds-request
tests_fuzz_fuzz_xds_request_SOURCES = tests/fuzz/fuzz-xds-request.c tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_fuzz_xds_request_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_xds_request_LDADD = $(XDS_LIBS)

fuzzers += tests/fuzz/fuzz-jwks
tests_fuzz_fuzz_jwks_SOURCES = tests/fuzz/fuzz-jwks.c tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_fuzz_jwks_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_jwks_LDADD = $(TRANSLATOR_LIBS)

fuzzers += tests/fuzz/fuzz-configuration
tests_fuzz_fuzz_configuration_SOURCES = tests/fuzz/fuzz-configuration.c tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_fuzz_configuration_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_configuration_LDADD = $(DECODE_LIBS) $(COMMON_LIBS)

fuzzers += tests/fuzz/fuzz-translate
tests_fuzz_fuzz_translate_SOURCES = tests/fuzz/fuzz-translate.c tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_fuzz_translate_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_translate_LDADD = $(TRANSLATOR_LIBS)
