"""Accounts have an address, tokens and letters; files come in parts; drafts show previews; results count their bytes."""

_STATEMENTS = (
    """ALTER TABLE "account" ADD COLUMN "email" VARCHAR(254) NOT NULL DEFAULT ''""",
    """ALTER TABLE "account" ADD COLUMN "email_verified_at" REAL""",
    """ALTER TABLE "account" ADD COLUMN "is_listed" INTEGER NOT NULL DEFAULT 1""",
    """ALTER TABLE "account" ADD COLUMN "tell_by_mail" INTEGER NOT NULL DEFAULT 1""",
    """ALTER TABLE "account" ADD COLUMN "webhook_url" VARCHAR(500) NOT NULL DEFAULT ''""",
    """ALTER TABLE "account" ADD COLUMN "webhook_secret" VARCHAR(64) NOT NULL DEFAULT ''""",
    """ALTER TABLE "account" ADD COLUMN "session_key" VARCHAR(40) NOT NULL DEFAULT ''""",
    """ALTER TABLE "account" ADD COLUMN "blocked_at" REAL""",
    """ALTER TABLE "account" ADD COLUMN "deleted_at" REAL""",
    """
    CREATE TABLE "access_token" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "account_id" INTEGER NOT NULL,
        "token_hash" VARCHAR(64) NOT NULL,
        "label" VARCHAR(80) NOT NULL,
        "scopes" TEXT NOT NULL,
        "created_at" REAL NOT NULL,
        "expires_at" REAL,
        "last_used_at" REAL,
        FOREIGN KEY ("account_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    """CREATE INDEX "access_token_account_id" ON "access_token" ("account_id")""",
    """CREATE UNIQUE INDEX "access_token_token_hash" ON "access_token" ("token_hash")""",
    """
    CREATE TABLE "mail_proof" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "account_id" INTEGER NOT NULL,
        "purpose" VARCHAR(20) NOT NULL,
        "secret_hash" VARCHAR(64) NOT NULL,
        "email" VARCHAR(254) NOT NULL,
        "created_at" REAL NOT NULL,
        "expires_at" REAL NOT NULL,
        FOREIGN KEY ("account_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    """CREATE INDEX "mail_proof_account_id" ON "mail_proof" ("account_id")""",
    """CREATE UNIQUE INDEX "mail_proof_secret_hash" ON "mail_proof" ("secret_hash")""",
    """
    CREATE TABLE "letter" (
        "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "account_id" INTEGER,
        "channel" VARCHAR(10) NOT NULL,
        "address" VARCHAR(500) NOT NULL,
        "subject" VARCHAR(200) NOT NULL,
        "body" TEXT NOT NULL,
        "created_at" REAL NOT NULL,
        "due_at" REAL NOT NULL,
        "tries" INTEGER NOT NULL,
        "sent_at" REAL,
        "given_up_at" REAL,
        "trouble" TEXT NOT NULL,
        FOREIGN KEY ("account_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    """CREATE INDEX "letter_account_id" ON "letter" ("account_id")""",
    """CREATE INDEX "letter_waiting" ON "letter" ("due_at") WHERE sent_at IS NULL AND given_up_at IS NULL""",
    """
    CREATE TABLE "partial_upload" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "owner_id" INTEGER NOT NULL,
        "name" VARCHAR(64) NOT NULL,
        "filename" VARCHAR(200) NOT NULL,
        "size" INTEGER NOT NULL,
        "sha256" VARCHAR(64) NOT NULL,
        "metadata" TEXT NOT NULL,
        "created_at" REAL NOT NULL,
        "touched_at" REAL NOT NULL,
        "completed_at" REAL,
        FOREIGN KEY ("owner_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    """CREATE INDEX "partial_upload_owner_id" ON "partial_upload" ("owner_id")""",
    """CREATE INDEX "partial_upload_touched_at" ON "partial_upload" ("touched_at")""",
    """CREATE UNIQUE INDEX "partial_upload_name" ON "partial_upload" ("name")""",
    """
    CREATE TABLE "past_work" (
        "host_id" INTEGER NOT NULL,
        "day" INTEGER NOT NULL,
        "results" INTEGER NOT NULL,
        "mini_batches" INTEGER NOT NULL,
        "seconds" REAL NOT NULL,
        PRIMARY KEY ("host_id", "day"),
        FOREIGN KEY ("host_id") REFERENCES "host" ("id") ON DELETE CASCADE
    )
    """,
    """
    CREATE INDEX "result_given" ON "result" ("host_id", "ended_at", "leased_at", "delivered") WHERE state = 'valid'
    """,
    """ALTER TABLE "project" ADD COLUMN "preprocessing" TEXT NOT NULL DEFAULT '{}'""",
    """ALTER TABLE "project" ADD COLUMN "origin" INTEGER""",
    """ALTER TABLE "draft" ADD COLUMN "preview" TEXT NOT NULL DEFAULT '{}'""",
    """ALTER TABLE "draft" ADD COLUMN "origin" INTEGER""",
    """
    CREATE INDEX "checkpoint_measured" ON "checkpoint" ("project_id", "round") WHERE evaluated_at IS NOT NULL
    """,
    """CREATE INDEX "checkpoint_kept" ON "checkpoint" ("project_id", "round") WHERE weights_sha256 > ''""",
    """ALTER TABLE "result" ADD COLUMN "bytes_down" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "result" ADD COLUMN "bytes_up" INTEGER NOT NULL DEFAULT 0""",
)


def up(migrator, db):  # type: ignore[no-untyped-def]
    for statement in _STATEMENTS:
        db.execute_sql(statement)


def down(migrator, db):  # type: ignore[no-untyped-def]
    for table in ("past_work", "partial_upload", "letter", "mail_proof", "access_token"):
        db.execute_sql(f'DROP TABLE "{table}"')
    for index in ("checkpoint_kept", "checkpoint_measured", "result_given"):
        db.execute_sql(f'DROP INDEX "{index}"')
    for table, columns in (
        ("result", ("bytes_up", "bytes_down")),
        ("draft", ("origin", "preview")),
        ("project", ("origin", "preprocessing")),
        ("account", (
            "deleted_at", "blocked_at", "session_key", "webhook_secret", "webhook_url", "tell_by_mail", "is_listed",
            "email_verified_at", "email",
        )),
    ):  # fmt: skip
        for column in columns:
            db.execute_sql(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
