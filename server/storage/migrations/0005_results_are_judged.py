"""Results need opinions of others, hosts earn trust, credit stands in a ledger, operators' actions in a log."""

_STATEMENTS = (
    """
    CREATE TABLE "team" (
        "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "name" VARCHAR(60) NOT NULL,
        "folded" VARCHAR(60) NOT NULL,
        "description" TEXT NOT NULL DEFAULT '',
        "founder" INTEGER NOT NULL,
        "created_at" REAL NOT NULL,
        "credit" INTEGER NOT NULL DEFAULT 0,
        "is_closed" INTEGER NOT NULL DEFAULT 0
    )
    """,
    """CREATE UNIQUE INDEX "team_folded" ON "team" ("folded")""",
    """
    CREATE TABLE "invitation" (
        "id" INTEGER NOT NULL PRIMARY KEY,
        "account_id" INTEGER NOT NULL,
        "code_hash" VARCHAR(64) NOT NULL,
        "label" VARCHAR(80) NOT NULL,
        "uses_left" INTEGER NOT NULL,
        "expires_at" REAL NOT NULL,
        "created_at" REAL NOT NULL,
        FOREIGN KEY ("account_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    """CREATE INDEX "invitation_account_id" ON "invitation" ("account_id")""",
    """CREATE UNIQUE INDEX "invitation_code_hash" ON "invitation" ("code_hash")""",
    """
    CREATE TABLE "action" (
        "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "at" REAL NOT NULL,
        "actor" INTEGER,
        "actor_name" VARCHAR(60) NOT NULL,
        "what" VARCHAR(40) NOT NULL,
        "subject" VARCHAR(300) NOT NULL,
        "detail" TEXT NOT NULL DEFAULT ''
    )
    """,
    """CREATE INDEX "action_at" ON "action" ("at")""",
    """
    CREATE TABLE "credit_entry" (
        "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "host_id" INTEGER NOT NULL,
        "account_id" INTEGER NOT NULL,
        "team" INTEGER,
        "day" INTEGER NOT NULL,
        "at" REAL NOT NULL,
        "result" INTEGER NOT NULL,
        "project" INTEGER NOT NULL,
        "kind" VARCHAR(20) NOT NULL,
        "amount" INTEGER NOT NULL,
        FOREIGN KEY ("host_id") REFERENCES "host" ("id") ON DELETE CASCADE,
        FOREIGN KEY ("account_id") REFERENCES "account" ("id") ON DELETE CASCADE
    )
    """,
    """CREATE UNIQUE INDEX "credit_entry_result_kind" ON "credit_entry" ("result", "kind")""",
    """CREATE INDEX "credit_entry_account_id_day" ON "credit_entry" ("account_id", "day")""",
    """
    CREATE INDEX "credit_entry_host_id_day_kind_amount" ON "credit_entry" ("host_id", "day", "kind", "amount")
    """,
    """
    CREATE INDEX "credit_entry_day_at_host_id_account_id_team_amount"
    ON "credit_entry" ("day", "at", "host_id", "account_id", "team", "amount")
    """,
    # What is only ever added stays so, whoever writes the next query.
    *(
        f"""CREATE TRIGGER "{table}_{verb.lower()}" BEFORE {verb} ON "{table}"
        BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
        for table in ("credit_entry", "action")
        for verb in ("UPDATE", "DELETE")
    ),
    """ALTER TABLE "account" ADD COLUMN "trust" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "account" ADD COLUMN "credit" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "account" ADD COLUMN "team_id" INTEGER""",
    """ALTER TABLE "account" ADD COLUMN "approved_at" REAL""",
    """ALTER TABLE "account" ADD COLUMN "lists_hosts" INTEGER NOT NULL DEFAULT 1""",
    """ALTER TABLE "account" ADD COLUMN "is_exported" INTEGER NOT NULL DEFAULT 0""",
    """CREATE INDEX "account_team_id" ON "account" ("team_id")""",
    """ALTER TABLE "host" ADD COLUMN "trust" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "host" ADD COLUMN "confirmed" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "host" ADD COLUMN "disagreed" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "host" ADD COLUMN "refuted" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "host" ADD COLUMN "is_referee" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "host" ADD COLUMN "quarantined_at" REAL""",
    """ALTER TABLE "host" ADD COLUMN "quarantine_reason" TEXT NOT NULL DEFAULT ''""",
    """ALTER TABLE "host" ADD COLUMN "appeal" TEXT NOT NULL DEFAULT ''""",
    """ALTER TABLE "host" ADD COLUMN "appealed_at" REAL""",
    """ALTER TABLE "host" ADD COLUMN "appeal_answer" TEXT NOT NULL DEFAULT ''""",
    """ALTER TABLE "host" ADD COLUMN "forgiven" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "host" ADD COLUMN "numeric_class" VARCHAR(120) NOT NULL DEFAULT ''""",
    """ALTER TABLE "host" ADD COLUMN "credit" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "project" ADD COLUMN "homogeneous" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "round" ADD COLUMN "averaging" VARCHAR(20) NOT NULL DEFAULT 'mean'""",
    """ALTER TABLE "round" ADD COLUMN "refuted" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "unit" ADD COLUMN "opinions" INTEGER NOT NULL DEFAULT 1""",
    """ALTER TABLE "unit" ADD COLUMN "seeks" INTEGER NOT NULL DEFAULT 0""",
    """ALTER TABLE "unit" ADD COLUMN "audit" VARCHAR(20) NOT NULL DEFAULT ''""",
    """ALTER TABLE "unit" ADD COLUMN "refuted_at" REAL""",
    """CREATE INDEX "unit_seeking" ON "unit" ("project_id", "id") WHERE seeks""",
    """CREATE INDEX "unit_audited" ON "unit" ("audit", "id") WHERE audit != ''""",
    """CREATE INDEX "unit_audit_wanted" ON "unit" ("project_id", "id") WHERE audit = 'wanted'""",
    """ALTER TABLE "result" ADD COLUMN "purpose" VARCHAR(20) NOT NULL DEFAULT 'work'""",
    """ALTER TABLE "result" ADD COLUMN "norm" REAL""",
    """ALTER TABLE "result" ADD COLUMN "loss" REAL""",
    """ALTER TABLE "result" ADD COLUMN "suspicion" TEXT NOT NULL DEFAULT ''""",
    """ALTER TABLE "result" ADD COLUMN "confirmed_at" REAL""",
    """ALTER TABLE "result" ADD COLUMN "doubted_by" INTEGER""",
    """ALTER TABLE "result" ADD COLUMN "unproven" INTEGER NOT NULL DEFAULT 0""",
    """CREATE INDEX "result_held" ON "result" ("unit_id") WHERE state = 'held'""",
    # What was found valid before there was a ledger: by the same formula (server/rules/credit.py), with the same key.
    """
    INSERT INTO "credit_entry" ("host_id", "account_id", "day", "at", "result", "project", "kind", "amount")
    SELECT result.host_id, host.account_id, CAST(result.ended_at / 86400 AS INTEGER), result.ended_at, result.id,
        result.project_id, 'granted', MAX(6 * project.operations * result.delivered / 1000000, 1)
    FROM "result" JOIN "host" ON host.id = result.host_id JOIN "project" ON project.id = result.project_id
    WHERE result.state = 'valid' AND result.ended_at IS NOT NULL
    ORDER BY result.id
    """,
    # Of projects that are gone only mini-batches are known: a credit for each, as the pages have shown so far.
    """
    INSERT INTO "credit_entry" ("host_id", "account_id", "day", "at", "result", "project", "kind", "amount")
    SELECT past_work.host_id, host.account_id, past_work.day, past_work.day * 86400.0,
        -(past_work.host_id * 1000000 + past_work.day), 0, 'granted', 1000 * past_work.mini_batches
    FROM "past_work" JOIN "host" ON host.id = past_work.host_id
    WHERE past_work.mini_batches > 0
    """,
    *(
        f"""
        UPDATE "{table}" SET "credit" = (
            SELECT COALESCE(SUM(amount), 0) FROM "credit_entry" WHERE {table}_id = "{table}".id
        )
        """
        for table in ("host", "account")
    ),
)


def up(migrator, db):  # type: ignore[no-untyped-def]
    for statement in _STATEMENTS:
        db.execute_sql(statement)


def down(migrator, db):  # type: ignore[no-untyped-def]
    raise NotImplementedError("a ledger is not thrown away: go back to the copy that was made before")
