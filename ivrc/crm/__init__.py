"""CRMs: whose customer a caller is.

Imports nothing of the compiler, and is imported by nothing of it. `contact` is the vocabulary that all of it shares; an
adapter for each kind of CRM answers `find`; `ivrc.agi` asks for calls, `ivrc crm` for people.
"""
