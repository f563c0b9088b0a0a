"""The call history: one row a call and its journey, read from Asterisk's own event log (CEL).

Asterisk writes the log, the collector reads it: nothing is lost while the collector is down. Imports nothing of the
compiler.
"""
