"""Random programs and random calls, played by the simulator and by a real Asterisk: `make fuzz-live`."""
