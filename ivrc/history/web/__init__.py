"""The history's page: the same calls and journeys in a browser, for those who have an account.

Pages are made on the server; htmx swaps parts of them. No build step, nothing from elsewhere.
"""
