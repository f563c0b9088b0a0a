"""The CRMs that are known by name: one module each, with `Settings` and `make` as `ivrc.crm.kinds` says."""
