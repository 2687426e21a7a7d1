"""Migrations of the schema, in order; Alembic reads them."""
