"""The first tables of the grid, as they were: later changes of server/storage/tables.py are migrations of their own."""

_STATEMENTS = (
    """
    CREATE TABLE "account" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "name" VARCHAR(60) NOT NULL,
        "folded" VARCHAR(60) NOT NULL,
        "password_hash" VARCHAR(200) NOT NULL,
        "is_operator" INTEGER NOT NULL,
        "created_at" REAL NOT NULL
    )
    """,
    'CREATE UNIQUE INDEX "account_folded" ON "account" ("folded")',
    """
    CREATE TABLE "project" (
        "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "owner_id" INTEGER NOT NULL,
        "name" VARCHAR(120) NOT NULL,
        "state" VARCHAR(20) NOT NULL,
        "reason" TEXT NOT NULL,
        "settings" TEXT NOT NULL,
        "source_sha256" VARCHAR(64) NOT NULL,
        "source_name" VARCHAR(200) NOT NULL,
        "source_kind" VARCHAR(10) NOT NULL,
        "sources" TEXT NOT NULL,
        "plan_sha256" VARCHAR(64) NOT NULL,
        "plan_size" INTEGER NOT NULL,
        "frozen_sha256" VARCHAR(64) NOT NULL,
        "frozen_size" INTEGER NOT NULL,
        "gradient_size" INTEGER NOT NULL,
        "moving_size" INTEGER NOT NULL,
        "sums_size" INTEGER NOT NULL,
        "operations" INTEGER NOT NULL,
        "memory_needed" INTEGER NOT NULL,
        "round" INTEGER NOT NULL,
        "epoch" INTEGER NOT NULL,
        "head" INTEGER NOT NULL,
        "mini_batches" INTEGER NOT NULL,
        "created_at" REAL NOT NULL,
        "running_since" REAL,
        "ended_at" REAL,
        "facts" TEXT NOT NULL,
        FOREIGN KEY ("owner_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "project_owner_id" ON "project" ("owner_id")',
    'CREATE INDEX "project_state" ON "project" ("state")',
    """
    CREATE TABLE "checkpoint" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "project_id" INTEGER NOT NULL,
        "round" INTEGER NOT NULL,
        "epoch" INTEGER NOT NULL,
        "ends_epoch" INTEGER NOT NULL,
        "weights_sha256" VARCHAR(64) NOT NULL,
        "weights_size" INTEGER NOT NULL,
        "optimizer_sha256" VARCHAR(64) NOT NULL,
        "created_at" REAL NOT NULL,
        "validation_loss" REAL,
        "validation_metrics" TEXT NOT NULL,
        "evaluated_at" REAL,
        FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "checkpoint_weights_sha256" ON "checkpoint" ("weights_sha256")',
    'CREATE INDEX "checkpoint_optimizer_sha256" ON "checkpoint" ("optimizer_sha256")',
    'CREATE UNIQUE INDEX "checkpoint_project_id_round" ON "checkpoint" ("project_id", "round")',
    """
    CREATE TABLE "draft" (
        "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "owner_id" INTEGER NOT NULL,
        "state" VARCHAR(20) NOT NULL,
        "revision" INTEGER NOT NULL,
        "form" TEXT NOT NULL,
        "problems" TEXT NOT NULL,
        "remarks" TEXT NOT NULL,
        "facts" TEXT NOT NULL,
        "findings" TEXT,
        "created_at" REAL NOT NULL,
        "updated_at" REAL NOT NULL,
        "project_id" INTEGER,
        FOREIGN KEY ("owner_id") REFERENCES "account" ("id") ON DELETE CASCADE,
        FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "draft_owner_id" ON "draft" ("owner_id")',
    'CREATE INDEX "draft_state" ON "draft" ("state")',
    'CREATE INDEX "draft_project_id" ON "draft" ("project_id")',
    """
    CREATE TABLE "event" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "project_id" INTEGER NOT NULL,
        "at" REAL NOT NULL,
        "sentence" TEXT NOT NULL,
        FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "event_project_id" ON "event" ("project_id")',
    """
    CREATE TABLE "grid_fact" (
        "name" VARCHAR(40) NOT NULL PRIMARY KEY,
        "value" TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE "host" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "account_id" INTEGER NOT NULL,
        "name" VARCHAR(200) NOT NULL,
        "token_hash" VARCHAR(64) NOT NULL,
        "system" VARCHAR(200) NOT NULL,
        "processor" VARCHAR(200) NOT NULL,
        "threads" INTEGER NOT NULL,
        "memory" INTEGER NOT NULL,
        "software" VARCHAR(200) NOT NULL,
        "numerics" INTEGER NOT NULL,
        "created_at" REAL NOT NULL,
        "last_seen_at" REAL,
        "speed" REAL NOT NULL,
        FOREIGN KEY ("account_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "host_account_id" ON "host" ("account_id")',
    'CREATE UNIQUE INDEX "host_token_hash" ON "host" ("token_hash")',
    """
    CREATE TABLE "join_key" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "account_id" INTEGER NOT NULL,
        "key_hash" VARCHAR(64) NOT NULL,
        "label" VARCHAR(80) NOT NULL,
        "uses_left" INTEGER NOT NULL,
        "expires_at" REAL NOT NULL,
        "created_at" REAL NOT NULL,
        FOREIGN KEY ("account_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "join_key_account_id" ON "join_key" ("account_id")',
    'CREATE UNIQUE INDEX "join_key_key_hash" ON "join_key" ("key_hash")',
    """
    CREATE TABLE "leadership" (
        "name" VARCHAR(40) NOT NULL PRIMARY KEY,
        "holder" VARCHAR(80) NOT NULL,
        "token" INTEGER NOT NULL,
        "expires_at" REAL NOT NULL
    )
    """,
    """
    CREATE TABLE "login_failure" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "folded" VARCHAR(60) NOT NULL,
        "remote" VARCHAR(60) NOT NULL,
        "at" REAL NOT NULL
    )
    """,
    'CREATE INDEX "login_failure_folded" ON "login_failure" ("folded")',
    'CREATE INDEX "login_failure_remote" ON "login_failure" ("remote")',
    'CREATE INDEX "login_failure_at" ON "login_failure" ("at")',
    """
    CREATE TABLE "unit" (
        "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "project_id" INTEGER NOT NULL,
        "round" INTEGER NOT NULL,
        "epoch" INTEGER NOT NULL,
        "mini_batches" TEXT NOT NULL,
        "size" INTEGER NOT NULL,
        "state" VARCHAR(20) NOT NULL,
        "canonical" INTEGER,
        "failures" INTEGER NOT NULL,
        "created_at" REAL NOT NULL,
        FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "unit_project_id_round" ON "unit" ("project_id", "round")',
    """CREATE INDEX "unit_open" ON "unit" ("project_id", "id") WHERE state = 'open'""",
    """
    CREATE TABLE "mini_batch_use" (
        "project_id" INTEGER NOT NULL,
        "epoch" INTEGER NOT NULL,
        "mini_batch" INTEGER NOT NULL,
        "place" INTEGER NOT NULL,
        "round" INTEGER NOT NULL,
        "unit_id" INTEGER NOT NULL,
        PRIMARY KEY ("project_id", "epoch", "mini_batch"),
        FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE,
        FOREIGN KEY ("unit_id") REFERENCES "unit" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "mini_batch_use_unit_id" ON "mini_batch_use" ("unit_id")',
    'CREATE UNIQUE INDEX "mini_batch_use_project_id_epoch_place" ON "mini_batch_use" ("project_id", "epoch", "place")',
    """
    CREATE TABLE "result" (
        "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "unit_id" INTEGER NOT NULL,
        "project_id" INTEGER NOT NULL,
        "host_id" INTEGER NOT NULL,
        "state" VARCHAR(20) NOT NULL,
        "leased_at" REAL NOT NULL,
        "deadline" REAL NOT NULL,
        "heartbeat_seconds" REAL NOT NULL,
        "silent_at" REAL NOT NULL,
        "size" INTEGER NOT NULL,
        "done" INTEGER NOT NULL,
        "ended_at" REAL,
        "digest" VARCHAR(64) NOT NULL,
        "gradient_sha256" VARCHAR(64) NOT NULL,
        "delivered" INTEGER NOT NULL,
        "seconds" REAL NOT NULL,
        "sentence" TEXT NOT NULL,
        FOREIGN KEY ("unit_id") REFERENCES "unit" ("id") ON DELETE CASCADE,
        FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE,
        FOREIGN KEY ("host_id") REFERENCES "host" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "result_unit_id" ON "result" ("unit_id")',
    'CREATE INDEX "result_gradient_sha256" ON "result" ("gradient_sha256")',
    'CREATE INDEX "result_host_id_state" ON "result" ("host_id", "state")',
    'CREATE INDEX "result_project_id_state" ON "result" ("project_id", "state")',
    'CREATE INDEX "result_project_id_ended_at" ON "result" ("project_id", "ended_at")',
    """CREATE INDEX "result_reported" ON "result" ("id") WHERE state = 'reported'""",
    """CREATE INDEX "result_leased" ON "result" ("silent_at") WHERE state = 'leased'""",
    """
    CREATE TABLE "round" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "project_id" INTEGER NOT NULL,
        "number" INTEGER NOT NULL,
        "epoch" INTEGER NOT NULL,
        "state" VARCHAR(20) NOT NULL,
        "target" INTEGER NOT NULL,
        "used" INTEGER NOT NULL,
        "examples" INTEGER NOT NULL,
        "opened_at" REAL NOT NULL,
        "closing_at" REAL,
        "closed_at" REAL,
        "loss" REAL,
        "metrics" TEXT NOT NULL,
        FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE UNIQUE INDEX "round_project_id_number" ON "round" ("project_id", "number")',
    'CREATE INDEX "round_state" ON "round" ("state")',
    """
    CREATE TABLE "shard" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "project_id" INTEGER NOT NULL,
        "validation" INTEGER NOT NULL,
        "number" INTEGER NOT NULL,
        "sha256" VARCHAR(64) NOT NULL,
        "size" INTEGER NOT NULL,
        "examples" INTEGER NOT NULL,
        FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE INDEX "shard_sha256" ON "shard" ("sha256")',
    'CREATE UNIQUE INDEX "shard_project_id_validation_number" ON "shard" ("project_id", "validation", "number")',
    """
    CREATE TABLE "upload" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "draft_id" INTEGER NOT NULL,
        "field" VARCHAR(40) NOT NULL,
        "filename" VARCHAR(200) NOT NULL,
        "size" INTEGER NOT NULL,
        "path" VARCHAR(200) NOT NULL,
        FOREIGN KEY ("draft_id") REFERENCES "draft" ("id") ON DELETE CASCADE
    )
    """,
    'CREATE UNIQUE INDEX "upload_draft_id_field" ON "upload" ("draft_id", "field")',
)
_TABLES = (
    "upload",
    "shard",
    "round",
    "result",
    "mini_batch_use",
    "unit",
    "login_failure",
    "leadership",
    "join_key",
    "host",
    "grid_fact",
    "event",
    "draft",
    "checkpoint",
    "project",
    "account",
)


def up(migrator, db):  # type: ignore[no-untyped-def]
    for statement in _STATEMENTS:
        db.execute_sql(statement)


def down(migrator, db):  # type: ignore[no-untyped-def]
    for table in _TABLES:
        db.execute_sql(f'DROP TABLE IF EXISTS "{table}"')
