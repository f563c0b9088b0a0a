"""The runtime helper: answers the questions of the dialplan while a call waits. Imports nothing of the compiler."""
