"""102 cases of what ingress-nginx does, by number. Each is held by a test that asks a real Envoy; this table says
which, and a test says that none of them is missing."""

import ast
import pathlib

import pytest

HERE = pathlib.Path(__file__).parent

# Case: file test …, where the file's name is without test_nginx_ and the test's without test_.
CASES = """
1 paths prefix_matches_whole_elements
2 paths a_regex_matches_from_the_start_in_any_case_with_any_rest
3 paths a_regex_with_an_end
4 paths exact_goes_before_prefix_of_the_same_text
5 paths mixed_types
6 hosts a_rule_without_a_host_is_for_all a_host_with_a_default_backend_alone
7 hosts unknown_hosts_are_404_over_both
8 default_backend unknown_names unknown_names_before_there_is_any_ingress
9 hosts a_host_without_tls_is_served_over_https_too
10 hosts a_backend_that_is_no_service
11 hosts a_service_without_endpoints
12 hosts two_hosts_of_one_object
13 paths a_path_with_a_slash_redirects_the_path_without regex_hosts_have_no_redirect_to_the_slash
14 redirects slash_then_https
15 paths one_regex_makes_all_paths_of_the_host_regexes
16 paths rewrite_leaves_longer_paths_of_others_alone
17 paths rewrite_of_what_a_prefix_does_not_match
18 paths of_a_literal_and_a_longer_pattern_the_longer_counts
19 paths rewrite_with_groups
20 paths rewrite_with_an_optional_rest
21 paths rewrite_to_the_path_itself_is_no_rewrite
22 paths exact_paths_of_regex_hosts_match_more
23 paths paths_are_normalized
24 paths a_wildcard_stands_for_one_label
25 hosts forms_of_a_name
26 hosts paths_that_reach_into_nginx_leave_the_ingress_unserved
27 paths the_older_ingress_has_the_path of_equally_old_ones_the_greater_name_has_the_path
28 paths the_first_ingress_annotates_all_other_paths_of_the_host
29 access the_first_ingress_protects_unknown_paths
30 redirects fixed
31 redirects fixed codes_of_fixed_redirects
32 redirects fixed
33 redirects fixed a_path_alone_becomes_a_whole_address
34 redirects app_root
35 redirects force_ssl_redirect_without_tls
36 redirects hosts_with_tls_redirect
37 hosts a_secret_that_comes_later_and_goes
38 forwarded a_redirect_goes_to_the_name_that_the_client_knows
39 redirects ssl_redirect_off
40 redirects the_acme_challenge_is_not_redirected
41 config_map paths_that_are_not_redirected
42 names from_www from_www_over_https
43 names www_of_an_ingress_of_its_own_is_served
44 redirects permanent_redirect_goes_before_https
45 redirects https_answers_have_hsts
45 config_map hsts
46 hosts a_certificate_for_another_host_is_not_shown
47 hosts a_secret_that_comes_later_and_goes
48 hosts tls_of_a_wildcard_counts_for_its_hosts a_certificate_that_covers_the_host_counts_whatever_its_entry_names
49 config_map versions_of_tls
50 access a_missing_secret_closes_the_path
51 passwords forms_of_hashes
52 passwords a_map_of_users forms_of_hashes
53 passwords a_user_without_a_hash
54 access refusals_carry_cors_headers
55 authorization the_question_and_the_answer
56 authorization signin
57 authorization signin_parameters
58 authorization headers_for_the_backend
59 authorization cookies_of_the_answer
60 authorization what_cannot_be_asked_closes_the_path
61 authorization statuses_of_the_service a_service_that_is_away_is_500
62 authorization global_authorization
63 passwords paths_of_no_auth_locations
64 passwords satisfy
65 authorization satisfy_with_addresses
66 access lists_and_what_closes
67 certificates who_may_come_in
68 certificates error_pages
69 certificates the_certificate_itself_is_told_only_if_asked_for
70 certificates subjects
71 forwarded lists_of_addresses
72 forwarded lists_of_addresses
73 access lists_and_what_closes
74 balancing paths_of_an_ingress_share_its_limit
74 forwarded limits_count_addresses_apart
75 config_map blocked_browsers_and_referers blocked_addresses
76 proxying canary_by_header
77 proxying a_canary_without_a_main_is_not_served
78 proxying canary_by_the_value_of_a_header
79 proxying canary_by_cookie_behind_a_header
80 proxying canary_by_cookie_behind_a_header
81 proxying canary_by_weight
82 balancing a_session_stays_at_the_canary
83 proxying sessions_stay_at_an_endpoint
84 balancing attributes_of_a_cookie
85 balancing attributes_of_a_cookie
86 balancing a_cookie_is_secure_where_it_is_asked_for
87 balancing a_cookie_is_set_where_the_annotation_is
88 proxying hash_by_the_uri
89 backends endpoints_take_turns
90 backends the_address_of_the_service
91 backends sizes_of_bodies
92 backends a_backend_that_says_nothing a_long_answer_is_not_cut
93 backends grpc
94 proxying https_backends_are_not_verified
94 backends the_scheme_of_the_client
95 proxying upstream_vhost
96 proxying x_forwarded_prefix_needs_a_rewrite
97 errors default_backend_without_endpoints
98 errors custom_errors_of_the_backend intercepting_can_be_off
99 forwarded headers_are_believed_where_that_is_asked_for headers_are_replaced_otherwise
100 proxying cors_on_every_answer cors_with_a_list_of_origins
101 access custom_headers
102 proxying snippets_that_set_headers other_snippets_are_refused_and_the_path_is_served
"""

# The surprises of docs/do/from-ingress-nginx.md that a request can show.
SURPRISES = """
1 paths a_regex_matches_from_the_start_in_any_case_with_any_rest
2 paths one_regex_makes_all_paths_of_the_host_regexes exact_paths_of_regex_hosts_match_more
3 paths rewrite_with_groups
4 paths a_path_with_a_slash_redirects_the_path_without regex_hosts_have_no_redirect_to_the_slash
5 paths paths_are_normalized
6 redirects force_ssl_redirect_without_tls hosts_with_tls_redirect
7 forwarded behind_a_proxy_that_ends_tls_there_is_no_loop
8 forwarded www_behind_a_proxy_that_ends_tls
9 config_map codes_of_redirects
10 hosts a_host_without_tls_is_served_over_https_too
11 backends sizes_of_bodies
12 backends a_long_answer_is_not_cut
13 backends sizes_of_bodies
14 balancing paths_of_an_ingress_share_its_limit
15 balancing a_multiplier
16 backends tries
17 proxying cors_on_every_answer cors_with_a_list_of_origins
18 certificates who_may_come_in error_pages
20 proxying headers_to_the_backend
21 proxying what_has_no_effect_is_named
24 redirects the_acme_challenge_is_not_redirected
26 proxying what_has_no_effect_is_named
27 access refusals_carry_cors_headers
30 proxying what_has_no_effect_is_named
"""

ROWS = [row.split() for row in CASES.split("\n") if row]
ALL = ROWS + [row.split() for row in SURPRISES.split("\n") if row]


def test_each_case_has_a_row():
    assert sorted({int(row[0]) for row in ROWS}) == list(range(1, 103))


@pytest.mark.parametrize("file", sorted({row[1] for row in ALL}))
def test_each_row_names_tests(file):
    tree = ast.parse((HERE / f"test_nginx_{file}.py").read_text())
    there = {f.name.removeprefix("test_") for f in tree.body if isinstance(f, ast.FunctionDef)}
    assert {t for row in ALL if row[1] == file for t in row[2:]} <= there
