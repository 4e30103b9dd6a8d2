"""A voice that works offline: parts for a cascade that run on this machine, and the provider made of them."""
