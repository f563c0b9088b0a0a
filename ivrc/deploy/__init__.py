"""Deploying: a compiled plan into running Asterisks, beside what calls in progress are on.

The room imports nothing of the compiler: `ivrc.deploying` joins the two. What the words mean (part, mark, entry, set,
generation) stands in docs/decisions/0013-deploy.md.
"""
