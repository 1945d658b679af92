"""`portolan bootstrap`: the newest and the oldest Envoy accept its output, and refused options get
a sentence."""

import re
import subprocess

import pytest
import yaml

from envoy_process import BINARIES
from programs import program, venv

PORTOLAN = program("portolan")
TLS = ["--tls-cert", "/a", "--tls-key", "/b", "--tls-ca", "/c"]


def bootstrap(*words):
    return subprocess.run(
        [PORTOLAN, "bootstrap", *map(str, words)], capture_output=True, text=True, timeout=60
    )


def written(*words):
    done = bootstrap(*words)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.mark.parametrize("which", BINARIES)
@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--xds-address", "unix:/run/x/xds.sock"),
        ("--xds-address", "[::1]:8001"),
        ("--xds-address", "portolan.example:8001", "--admin-address", "127.0.0.1:9901"),
        ("--all-stats", "--max-heap-mb", "1024", "--max-connections", "7", "--node-id", 'quoted " and \\ é'),
        ("--xds-address", "[::1]:8001", "--tls-cert", "/c.pem", "--tls-key", "/k.pem", "--tls-ca", "/ca.pem"),
        ("--xds-address", "portolan.example:8001", "--tls-cert", "/c.pem", "--tls-key", "/k.pem", "--tls-ca", "/ca.pem",
         "--check-address", "portolan.example:8003"),
    ],
    ids=["default", "unix", "ipv6", "name", "limits", "tls", "passwords"],
)
def test_envoy_takes_it(tmp_path, which, words):
    file = tmp_path / "envoy.yaml"
    done = bootstrap("--admin-path", "/run/admin.sock", *words, file) if (
        "--admin-address" not in words) else bootstrap(*words, file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    envoy = subprocess.run(
        [venv(BINARIES[which]), "--mode", "validate", "-c", file, "--log-level", "warning"],
        capture_output=True, text=True, timeout=60,
    )
    assert envoy.returncode == 0, envoy.stderr
    assert "deprecat" not in envoy.stderr.lower()


def test_it_asks_for_all_resources_by_one_delta_stream():
    b = written()
    ads = b["dynamic_resources"]["ads_config"]
    assert ads["api_type"] == "DELTA_GRPC" and ads["set_node_on_first_message_only"]
    for kind in ("cds_config", "lds_config"):
        # Without a limit Envoy says it is ready before it has its configuration.
        assert b["dynamic_resources"][kind]["initial_fetch_timeout"] == "0s"
    assert b["deferred_stat_options"]["enable_deferred_creation_stats"]


def test_it_leaves_out_statistics_that_nobody_looks_at_and_no_others():
    [pattern] = written()["stats_config"]["stats_matcher"]["exclusion_list"]["patterns"]
    left_out = re.compile(pattern["safe_regex"]["regex"])
    # The statistics of clusters that Contour's and Envoy's own dashboards show.
    for name in (
        "upstream_rq_total", "upstream_rq_2xx", "upstream_rq_503", "upstream_rq_time", "upstream_rq_active",
        "upstream_rq_timeout", "upstream_rq_retry", "upstream_rq_pending_overflow", "upstream_cx_active",
        "upstream_cx_total", "upstream_cx_connect_fail", "upstream_cx_rx_bytes_total",
        "upstream_cx_tx_bytes_total", "membership_healthy", "membership_total", "lb_healthy_panic",
        "circuit_breakers.default.rq_open", "health_check.failure", "ssl.handshake",
        "outlier_detection.ejections_active", "update_success", "update_rejected",
    ):
        assert not left_out.fullmatch(f"cluster.default_web_80.{name}")
    assert left_out.fullmatch("cluster.default_web_80.lb_zone_cluster_too_small")
    assert not left_out.fullmatch("listener.0.0.0.0_8080.downstream_cx_active")
    assert "stats_config" not in written("--all-stats")


def test_it_finds_the_socket_in_the_runtime_directory(tmp_path):
    [portolan] = [c for c in written("--runtime-dir", tmp_path)["static_resources"]["clusters"]
                  if c["name"] == "portolan"]
    [endpoint] = portolan["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert endpoint["endpoint"]["address"] == {"pipe": {"path": f"{tmp_path}/xds.sock"}}


def test_the_admin_interface_is_for_this_user_only(tmp_path):
    pipe = written("--runtime-dir", tmp_path)["admin"]["address"]["pipe"]
    assert pipe == {"path": f"{tmp_path}/envoy-admin.sock", "mode": 0o600}


def test_with_tls_certificates_are_named_by_files_that_envoy_watches(tmp_path):
    tls = ("--xds-address", "charts.example:8001", "--tls-cert", "/x/c.pem", "--tls-key", "/x/k.pem", "--tls-ca", "/y/ca.pem")
    b = written(*tls, "--tls-name", "charts.example", "--sds-dir", tmp_path)
    context = b["static_resources"]["clusters"][0]["transport_socket"]["typed_config"]
    assert context["sni"] == "charts.example"
    [sds] = context["common_tls_context"]["tls_certificate_sds_secret_configs"]
    [secret] = yaml.safe_load(open(sds["sds_config"]["path_config_source"]["path"]))["resources"]
    assert secret["name"] == sds["name"]
    assert secret["tls_certificate"] == {
        "certificate_chain": {"filename": "/x/c.pem"},
        "private_key": {"filename": "/x/k.pem"},
        "watched_directory": {"path": "/x"},
    }
    check = context["common_tls_context"]["combined_validation_context"]
    assert check["default_validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "charts.example"}}
    ]
    sds = check["validation_context_sds_secret_config"]
    [secret] = yaml.safe_load(open(sds["sds_config"]["path_config_source"]["path"]))["resources"]
    assert secret["validation_context"] == {
        "trusted_ca": {"filename": "/y/ca.pem"},
        "watched_directory": {"path": "/y"},
    }


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["--xds-address", "8001"], "HOST:PORT"),
        (["--xds-address", "127.0.0.1:0"], "from 1 to 65535"),
        (["--xds-address", "a b:1"], "HOST:PORT"),
        (["--xds-address", "[::1:1"], "HOST:PORT"),
        (["--xds-address", "unix:relative"], "absolute"),
        (["--xds-address", "unix:/run/" + "x" * 103], "at most 107 bytes"),
        (["--xds-address", "unix:/x", "--tls-cert", "/a"], "HOST:PORT"),
        (["--admin-path", "/run/" + "x" * 103], "at most 107 bytes"),
        (["--admin-path", "relative"], "absolute"),
        (["--admin-path", "/a", "--admin-address", "127.0.0.1:1"], "exclude each other"),
        (["--admin-address", "example.com:1"], "ADDRESS:PORT"),
        (["--xds-address", "a:1", "--tls-cert", "/a"], "go together"),
        (["--xds-address", "a:1", "--tls-cert", "a", "--tls-key", "/b", "--tls-ca", "/c"], "absolute"),
        (["--xds-address", "a:1", "--tls-cert", "/a", "--tls-key", "/b", "--tls-ca", "/c"], "--sds-dir"),
        (["--xds-address", "a:1", "--check-address", "a:2"], "passwords go there"),
        (["--xds-address", "a:1", *TLS, "--check-address", "a"], "--check-address: HOST:PORT"),
        (["--xds-address", "a:1", *TLS, "--check-address", "a:2", "--check-path", "/c"], "exclude each other"),
        (["--max-connections", "0"], "at least 1"),
        (["envoy.json"], ".yaml"),
        (["one.yaml", "two.yaml"], 'unexpected word "two.yaml"'),
    ],
)
def test_what_it_does_not_take_is_said_in_a_sentence(words, sentence):
    done = bootstrap(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_file_that_cannot_be_written_is_said_so_and_nothing_is_left(tmp_path):
    done = bootstrap(tmp_path / "missing" / "envoy.yaml")
    assert done.returncode == 1
    assert "cannot write" in done.stderr and "No such file" in done.stderr
    (tmp_path / "envoy.yaml").mkdir()
    assert bootstrap(tmp_path / "envoy.yaml").returncode == 1
    assert [p.name for p in tmp_path.iterdir()] == ["envoy.yaml"]


def test_the_shutdown_program_comes_with_it(tmp_path):
    copy = tmp_path / "shutdown"
    written("--shutdown-program", copy)
    assert copy.stat().st_mode & 0o777 == 0o755
    done = subprocess.run([copy, "--help"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "without cutting a request" in done.stdout) == (0, True)
    done = subprocess.run([program("portolan"), "bootstrap", "--shutdown-program", tmp_path / "no" / "x"],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, "No such file or directory" in done.stderr) == (1, True)
