"""The first tables of the grid."""

from server.storage.tables import ALL


def up(migrator, db):  # type: ignore[no-untyped-def]
    db.create_tables(ALL)


def down(migrator, db):  # type: ignore[no-untyped-def]
    db.drop_tables(ALL)
