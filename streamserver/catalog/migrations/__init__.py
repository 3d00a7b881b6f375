"""How the tables came to be, one revision a file; `streamserver.catalog.migrate` carries them out with Alembic."""
