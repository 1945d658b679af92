"""docs/learn/first-steps.md: its commands, as a reader runs them one after the other, do what it says."""

import os
import re
import subprocess

from programs import TOP, program

PAGE = (TOP / "docs/learn/first-steps.md").read_text()


def test_the_commands_of_the_page_lead_to_two_services_behind_https(folder):
    script = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S))
    path = f"{program('portolan').parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-euc", script], cwd=folder, env={**os.environ, "PATH": path}, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    routes, _, explained = done.stdout.partition("GET https://web.example/cart/7 is forwarded to default/cart/80/")
    table = [re.split(r"  +", line) for line in routes.splitlines()]
    assert [row[:5] for row in table[1:3]] == [
        ["web.example", "default/web-tls", "path /cart and below", "default/cart", "1/1"],
        ["web.example", "default/web-tls", "prefix /", "default/web", "1/1"]]
    assert "TLS terminated, Secret default/web-tls" in explained and "127.0.0.1:3001 healthy" in explained
