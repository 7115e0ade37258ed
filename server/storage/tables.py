"""The tables of projects and their work. Rows hold facts; nothing here decides or renders."""

from peewee import (
    SQL,
    BooleanField,
    CharField,
    CompositeKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    TextField,
)
from playhouse.sqlite_ext import AutoIncrementField

from server.rules.states import (
    AuditState,
    CreditKind,
    DraftState,
    ProjectState,
    Purpose,
    ResultState,
    RoundState,
    UnitState,
)
from server.storage.account_tables import (
    AccessToken,
    Account,
    Action,
    Invitation,
    JoinKey,
    Letter,
    Linking,
    LoginFailure,
    MailProof,
    PartialUpload,
    Team,
)
from server.storage.fields import InstantField, JsonField, StateField
from server.storage.grid_tables import GridFact, Leadership
from server.storage.table import Table


class Host(Table):
    """`speed` is measured: multiply-adds a second, forward; 0 until something was.

    `attachment` is the hash of join key and nonce, or of a device code: the same question gets the same host. A host
    that was detached keeps its row, for its results; no token hashes to what then stands in `token_hash`.
    """

    account = ForeignKeyField(Account, on_delete="CASCADE")
    account_id: int
    name = CharField(max_length=200)
    token_hash = CharField(max_length=64, unique=True)
    system = CharField(max_length=200)
    processor = CharField(max_length=200)
    threads = IntegerField()
    memory = IntegerField()
    software = CharField(max_length=200)
    numerics = IntegerField()
    created_at = InstantField()
    last_seen_at = InstantField(null=True)
    speed = DoubleField(default=0.0)
    attachment = CharField(max_length=64, null=True, unique=True)
    detached_at = InstantField(null=True)
    trust = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    confirmed = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    disagreed = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    refuted = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    is_referee = BooleanField(default=False, constraints=[SQL("DEFAULT 0")])
    quarantined_at = InstantField(null=True)
    quarantine_reason = TextField(default="", constraints=[SQL("DEFAULT ''")])
    appeal = TextField(default="", constraints=[SQL("DEFAULT ''")])
    appealed_at = InstantField(null=True)
    appeal_answer = TextField(default="", constraints=[SQL("DEFAULT ''")])
    forgiven = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    numeric_class = CharField(max_length=120, default="", constraints=[SQL("DEFAULT ''")])
    credit = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])


class Project(Table):
    """`plan`, `frozen` and `source` are blobs; `sources` says which dataset of the source file fed each variable.

    `head` is the first place of the epoch's order that is not used yet; `operations` is what a full mini-batch takes.
    `preprocessing` is what was done to the data before training; `origin` the project that it was cloned from.
    `homogeneous`: opinions on a unit come from hosts of one numeric class, for others' differ too much.
    """

    id = AutoIncrementField()
    owner = ForeignKeyField(Account, on_delete="CASCADE")
    owner_id: int
    name = CharField(max_length=120)
    state = StateField(ProjectState, index=True)
    reason = TextField(default="")
    settings = JsonField()
    source_sha256 = CharField(max_length=64)
    source_name = CharField(max_length=200)
    source_kind = CharField(max_length=10)
    sources = JsonField(default=[])
    plan_sha256 = CharField(max_length=64, default="")
    plan_size = IntegerField(default=0)
    frozen_sha256 = CharField(max_length=64, default="")
    frozen_size = IntegerField(default=0)
    gradient_size = IntegerField(default=0)
    moving_size = IntegerField(default=0)
    sums_size = IntegerField(default=1)
    operations = IntegerField(default=1)
    memory_needed = IntegerField(default=0)
    round = IntegerField(default=0)
    epoch = IntegerField(default=0)
    head = IntegerField(default=0)
    mini_batches = IntegerField(default=0)
    created_at = InstantField()
    running_since = InstantField(null=True)
    ended_at = InstantField(null=True)
    facts = JsonField(default=[])
    preprocessing = JsonField(default={}, constraints=[SQL("DEFAULT '{}'")])
    origin = IntegerField(null=True)
    homogeneous = BooleanField(default=False, constraints=[SQL("DEFAULT 0")])


class Draft(Table):
    """`revision` counts changes, so that a check of an older version cannot overwrite a newer one.

    `preview` is what the page shows of the files; `origin` the project whose model and data a clone takes.
    """

    id = AutoIncrementField()
    owner = ForeignKeyField(Account, on_delete="CASCADE")
    owner_id: int
    state = StateField(DraftState, index=True)
    revision = IntegerField(default=0)
    form = JsonField(default={})
    problems = JsonField(default=[])
    remarks = JsonField(default=[])
    facts = JsonField(default=[])
    findings = JsonField(null=True)
    created_at = InstantField()
    updated_at = InstantField()
    project = ForeignKeyField(Project, null=True, on_delete="CASCADE")
    project_id: int | None
    preview = JsonField(default={}, constraints=[SQL("DEFAULT '{}'")])
    origin = IntegerField(null=True)


class Upload(Table):
    draft = ForeignKeyField(Draft, on_delete="CASCADE", index=False)
    draft_id: int
    field = CharField(max_length=40)
    filename = CharField(max_length=200)
    size = IntegerField()
    path = CharField(max_length=200)

    class Meta:
        indexes = ((("draft", "field"), True),)


class Shard(Table):
    """`validation` shards never leave the server."""

    project = ForeignKeyField(Project, on_delete="CASCADE", index=False)
    project_id: int
    validation = BooleanField()
    number = IntegerField()
    sha256 = CharField(max_length=64, index=True)
    size = IntegerField()
    examples = IntegerField()

    class Meta:
        indexes = ((("project", "validation", "number"), True),)


class Round(Table):
    """`target` is the K of this round (fewer at an epoch's end); `used` what its valid units brought so far.

    `averaging` is the rule that made one gradient of them; `refuted`: mini-batches of it whose check, too late, failed.
    """

    project = ForeignKeyField(Project, on_delete="CASCADE", index=False)
    project_id: int
    number = IntegerField()
    epoch = IntegerField()
    state = StateField(RoundState)
    target = IntegerField()
    used = IntegerField(default=0)
    examples = IntegerField(default=0)
    opened_at = InstantField()
    closing_at = InstantField(null=True)
    closed_at = InstantField(null=True)
    loss = DoubleField(null=True)
    metrics = JsonField(default={})
    averaging = CharField(max_length=20, default="mean", constraints=[SQL("DEFAULT 'mean'")])
    refuted = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])

    class Meta:
        indexes = ((("project", "number"), True), (("state",), False))


class Checkpoint(Table):
    """The weights that round `round` starts from. `ends_epoch`: they are the result of a whole epoch."""

    project = ForeignKeyField(Project, on_delete="CASCADE", index=False)
    project_id: int
    round = IntegerField()
    epoch = IntegerField()
    ends_epoch = BooleanField()
    weights_sha256 = CharField(max_length=64, index=True)
    weights_size = IntegerField()
    optimizer_sha256 = CharField(max_length=64, default="", index=True)
    created_at = InstantField()
    validation_loss = DoubleField(null=True)
    validation_metrics = JsonField(default={})
    evaluated_at = InstantField(null=True)

    class Meta:
        indexes = ((("project", "round"), True),)


class Unit(Table):
    """`opinions`: how many results are wanted of it by now; `seeks`: not all of them are reported yet.

    `refuted_at`: its canonical result was found wrong when its round had closed already.
    """

    id = AutoIncrementField()
    project = ForeignKeyField(Project, on_delete="CASCADE", index=False)
    project_id: int
    round = IntegerField()
    epoch = IntegerField()
    mini_batches = JsonField()
    size = IntegerField()
    state = StateField(UnitState)
    canonical = IntegerField(null=True)
    failures = IntegerField(default=0)
    created_at = InstantField()
    opinions = IntegerField(default=1, constraints=[SQL("DEFAULT 1")])
    seeks = BooleanField(default=False, constraints=[SQL("DEFAULT 0")])
    audit = StateField(AuditState, default=AuditState.none, constraints=[SQL("DEFAULT ''")])
    refuted_at = InstantField(null=True)

    class Meta:
        indexes = ((("project", "round"), False),)


class Result(Table):
    """`silent_at`: when three heartbeats will have been missed; `size`: how many mini-batches were leased, `delivered`:
    how many the gradient covers.

    `digest` is the SHA-256 of what was uploaded, kept for ever; `gradient_sha256` names the blob while it is kept.
    `bytes_down` is what the host had to fetch for it, `bytes_up` what it sent.

    `norm` is the Euclidean norm of its mean gradient, `loss` its mean loss; `suspicion` why another opinion is wanted;
    `confirmed_at`: another opinion agreed; `doubted_by`: it was a little off what so many volunteers' hosts agreed on
    (0: what a referee said). `unproven`: its host had not earned trust yet when it was leased.
    """

    id = AutoIncrementField()
    unit = ForeignKeyField(Unit, on_delete="CASCADE")
    unit_id: int
    project = ForeignKeyField(Project, on_delete="CASCADE", index=False)
    project_id: int
    host = ForeignKeyField(Host, on_delete="CASCADE", index=False)
    host_id: int
    state = StateField(ResultState)
    leased_at = InstantField()
    deadline = InstantField()
    heartbeat_seconds = DoubleField()
    silent_at = InstantField()
    size = IntegerField()
    done = IntegerField(default=0)
    ended_at = InstantField(null=True)
    digest = CharField(max_length=64, default="")
    gradient_sha256 = CharField(max_length=64, default="", index=True)
    delivered = IntegerField(default=0)
    seconds = DoubleField(default=0.0)
    sentence = TextField(default="")
    bytes_down = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    bytes_up = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    purpose = StateField(Purpose, default=Purpose.work, constraints=[SQL("DEFAULT 'work'")])
    norm = DoubleField(null=True)
    loss = DoubleField(null=True)
    suspicion = TextField(default="", constraints=[SQL("DEFAULT ''")])
    confirmed_at = InstantField(null=True)
    doubted_by = IntegerField(null=True)
    unproven = BooleanField(default=False, constraints=[SQL("DEFAULT 0")])

    class Meta:
        indexes = ((("host", "state"), False), (("project", "state"), False), (("project", "ended_at"), False))


# The measured ones are few among many.
Checkpoint.add_index(
    Checkpoint.index(Checkpoint.project, Checkpoint.round, name="checkpoint_measured").where(
        SQL("evaluated_at IS NOT NULL")
    )
)
# Those whose weights are still there, too.
Checkpoint.add_index(
    Checkpoint.index(Checkpoint.project, Checkpoint.round, name="checkpoint_kept").where(SQL("weights_sha256 > ''"))
)

# The queues: small however large the tables grow (measured: 25,000 leases a second at a million rows, against 10).
Unit.add_index(Unit.index(Unit.project, Unit.id, name="unit_open").where(SQL("state = 'open'")))
Unit.add_index(Unit.index(Unit.project, Unit.id, name="unit_seeking").where(SQL("seeks")))
Unit.add_index(Unit.index(Unit.audit, Unit.id, name="unit_audited").where(SQL("audit != ''")))
Unit.add_index(Unit.index(Unit.project, Unit.id, name="unit_audit_wanted").where(SQL("audit = 'wanted'")))
Result.add_index(Result.index(Result.id, name="result_reported").where(SQL("state = 'reported'")))
Result.add_index(Result.index(Result.silent_at, name="result_leased").where(SQL("state = 'leased'")))
Result.add_index(Result.index(Result.unit, name="result_held").where(SQL("state = 'held'")))
# The leaderboard reads nothing but this (measured at a million results: below a second, by rows 18).
Result.add_index(
    Result.index(Result.host, Result.ended_at, Result.leased_at, Result.delivered, name="result_given").where(
        SQL("state = 'valid'")
    )
)


class PastWork(Table):
    """Valid work for projects that were deleted since, by host and day (days since 1970): credit outlives them."""

    host = ForeignKeyField(Host, on_delete="CASCADE", index=False)
    host_id: int
    day = IntegerField()
    results = IntegerField()
    mini_batches = IntegerField()
    seconds = DoubleField()

    class Meta:
        primary_key = CompositeKey("host", "day")


class CreditEntry(Table):
    """A line of the ledger: only ever added. It outlives results and projects, so it names them by number.

    `amount` is in thousandths of a credit (10^6 floating-point operations); what was granted in error is taken back by
    an entry of its own. `day`: days since 1970. `team`: whose the account was then; the credit stays there. Work of
    before there was a ledger has `result` below 0, one entry for a host and day, where its project is gone.
    """

    id = AutoIncrementField()
    host = ForeignKeyField(Host, on_delete="CASCADE", index=False)
    host_id: int
    account = ForeignKeyField(Account, on_delete="CASCADE", index=False)
    account_id: int
    team = IntegerField(null=True)
    day = IntegerField()
    at = InstantField()
    result = IntegerField()
    project = IntegerField()
    kind = StateField(CreditKind)
    amount = IntegerField()

    class Meta:
        indexes = (
            (("result", "kind"), True), (("account", "day"), False),
            # What surplus may still be granted today is asked with a verdict, over a week of entries.
            (("host", "day", "kind", "amount"), False),
            # What was earned of late, by whomever, reads nothing but this.
            (("day", "at", "host", "account", "team", "amount"), False),
        )  # fmt: skip


class MiniBatchUse(Table):
    """Written with the verdict. The key is the promise: each mini-batch is used exactly once an epoch.

    `place` is the mini-batch's place in the epoch's order.
    """

    project = ForeignKeyField(Project, on_delete="CASCADE", index=False)
    project_id: int
    epoch = IntegerField()
    mini_batch = IntegerField()
    place = IntegerField()
    round = IntegerField()
    unit = ForeignKeyField(Unit, on_delete="CASCADE")
    unit_id: int

    class Meta:
        primary_key = CompositeKey("project", "epoch", "mini_batch")
        indexes = ((("project", "epoch", "place"), True),)


class Event(Table):
    project = ForeignKeyField(Project, on_delete="CASCADE")
    project_id: int
    at = InstantField()
    sentence = TextField()


ALL = (
    Team, Account, Invitation, Action, LoginFailure, JoinKey, Linking, AccessToken, MailProof, Letter, PartialUpload,
    Host, Project, Draft, Upload, Shard, Round, Checkpoint, Unit, Result, PastWork, CreditEntry, MiniBatchUse, Event,
    Leadership, GridFact,
)  # fmt: skip
