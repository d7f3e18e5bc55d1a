"""Set-up: what a machine needs before the tests can run. Not part of the wheel."""
