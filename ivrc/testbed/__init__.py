"""A real Asterisk on loopback, without root, SIP peers at its ends: for `make run` and the live tests."""
