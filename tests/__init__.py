"""Tests mirror the folders of the project; `tests/e2e` starts real testbeds."""
