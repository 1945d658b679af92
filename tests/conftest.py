"""Fixtures that tests of any folder may ask for."""

pytest_plugins = ["kube_fixtures", "stage_fixtures"]
