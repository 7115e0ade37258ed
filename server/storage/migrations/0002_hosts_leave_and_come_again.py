"""A host can be detached, and an attachment whose answer was lost can be asked for again."""


def up(migrator, db):  # type: ignore[no-untyped-def]
    db.execute_sql('ALTER TABLE "host" ADD COLUMN "attachment" VARCHAR(64)')
    db.execute_sql('ALTER TABLE "host" ADD COLUMN "detached_at" REAL')
    db.execute_sql('CREATE UNIQUE INDEX "host_attachment" ON "host" ("attachment")')


def down(migrator, db):  # type: ignore[no-untyped-def]
    db.execute_sql('DROP INDEX "host_attachment"')
    db.execute_sql('ALTER TABLE "host" DROP COLUMN "detached_at"')
    db.execute_sql('ALTER TABLE "host" DROP COLUMN "attachment"')
