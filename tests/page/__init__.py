"""Tests of the page: its addresses under a real server, on real folders."""
