"""The simulator beside a real Asterisk: one call played on both, and what happened compared event by event.

`rig` is two Asterisks: the office's own, and the town, whose dialplan is every phone and every caller there is. `acts`
are what people do in a simulated call; `play` has the town do the same; `observed` and `facts` put both accounts into
one form, and `compare` finds the first difference.
"""
