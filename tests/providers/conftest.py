"""Lets the tests of each vendor import what they share from this folder."""
