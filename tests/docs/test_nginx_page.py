"""The page about ingress-nginx has the code's own table of annotations."""

import subprocess

from programs import BUILD, TOP


def test_the_table_is_the_codes_own():
    rows = subprocess.run([BUILD / "tests/print/nginx-annotations"], check=True, text=True,
                          capture_output=True).stdout
    page = (TOP / "docs/do/from-ingress-nginx.md").read_text()
    assert page.split("| annotation | served | note |\n|---|---|---|\n")[1] == rows


def test_the_table_of_keys_is_the_codes_own():
    rows = subprocess.run([BUILD / "tests/print/nginx-annotations", "keys"], check=True, text=True,
                          capture_output=True).stdout
    page = (TOP / "docs/do/from-ingress-nginx.md").read_text()
    assert page.split("| key | served | note |\n|---|---|---|\n")[1].split("\n\n")[0] + "\n" == rows
