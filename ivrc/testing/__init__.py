"""`ivrc test`: the tests of offices run by the simulator, and told to people and to programs.

What a test means is `ivrc.cases`; this is the command, its reports, and the plugin of pytest.
"""
