"""Machines can be linked by the device flow: somebody confirms a code in a browser."""

_STATEMENTS = (
    """
    CREATE TABLE "linking" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "device_hash" VARCHAR(64) NOT NULL,
        "user_hash" VARCHAR(64) NOT NULL,
        "state" VARCHAR(20) NOT NULL,
        "name" VARCHAR(200) NOT NULL,
        "machine" TEXT NOT NULL,
        "remote" VARCHAR(60) NOT NULL,
        "sender" VARCHAR(60) NOT NULL,
        "created_at" REAL NOT NULL,
        "expires_at" REAL NOT NULL,
        "account_id" INTEGER,
        FOREIGN KEY ("account_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    """CREATE UNIQUE INDEX "linking_device_hash" ON "linking" ("device_hash")""",
    """CREATE UNIQUE INDEX "linking_user_hash" ON "linking" ("user_hash")""",
    """CREATE INDEX "linking_expires_at" ON "linking" ("expires_at")""",
    """CREATE INDEX "linking_account_id" ON "linking" ("account_id")""",
    """CREATE INDEX "linking_sender_created_at" ON "linking" ("sender", "created_at")""",
)


def up(migrator, db):  # type: ignore[no-untyped-def]
    for statement in _STATEMENTS:
        db.execute_sql(statement)


def down(migrator, db):  # type: ignore[no-untyped-def]
    db.execute_sql('DROP TABLE "linking"')
