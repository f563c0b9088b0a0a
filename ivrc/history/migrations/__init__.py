"""Migrations of the history's database, run by alembic."""
