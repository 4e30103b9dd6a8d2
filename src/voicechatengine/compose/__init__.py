"""Providers made of providers: each is again an object of the same shape, so they nest."""
