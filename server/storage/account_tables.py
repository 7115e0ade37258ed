"""The tables of people: accounts, what opens them, what is on its way to and from them."""

from peewee import SQL, BooleanField, CharField, ForeignKeyField, IntegerField, TextField
from playhouse.sqlite_ext import AutoIncrementField

from server.rules.states import LinkState
from server.storage.fields import InstantField, JsonField, StateField
from server.storage.table import Table


class Team(Table):
    """Volunteers who count their credit together. `credit`: what members earned while they were; in thousandths.

    `is_closed`: its founder lets nobody new in.
    """

    id = AutoIncrementField()
    name = CharField(max_length=60)
    folded = CharField(max_length=60, unique=True)
    description = TextField(default="", constraints=[SQL("DEFAULT ''")])
    founder = IntegerField()
    created_at = InstantField()
    credit = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    is_closed = BooleanField(default=False, constraints=[SQL("DEFAULT 0")])


class Account(Table):
    """`folded` is the name in lower case: two accounts never differ by case alone.

    `session_key` changes with the password: sessions begun before it end. `is_listed`: the leaderboard may show the
    name. An account that was deleted keeps its row, without name or address, for the results of its hosts.
    `trust` as a host's, over all of them; `credit` is the sum of its entries in the ledger, in thousandths;
    `approved_at`: an operator has said yes to its first project. `lists_hosts`: the leaderboard of machines may show
    its machines, where it may show the name; `is_exported`: the statistics export may hold both (asked for, never
    assumed: strangers' sites copy it).
    """

    name = CharField(max_length=60)
    folded = CharField(max_length=60, unique=True)
    password_hash = CharField(max_length=200)
    is_operator = BooleanField(default=False)
    created_at = InstantField()
    email = CharField(max_length=254, default="", constraints=[SQL("DEFAULT ''")])
    email_verified_at = InstantField(null=True)
    is_listed = BooleanField(default=True, constraints=[SQL("DEFAULT 1")])
    tell_by_mail = BooleanField(default=True, constraints=[SQL("DEFAULT 1")])
    webhook_url = CharField(max_length=500, default="", constraints=[SQL("DEFAULT ''")])
    webhook_secret = CharField(max_length=64, default="", constraints=[SQL("DEFAULT ''")])
    session_key = CharField(max_length=40, default="", constraints=[SQL("DEFAULT ''")])
    blocked_at = InstantField(null=True)
    deleted_at = InstantField(null=True)
    trust = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    credit = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    team_id = IntegerField(null=True, index=True)
    lists_hosts = BooleanField(default=True, constraints=[SQL("DEFAULT 1")])
    is_exported = BooleanField(default=False, constraints=[SQL("DEFAULT 0")])
    approved_at = InstantField(null=True)


class Invitation(Table):
    """What a sign-up needs where the grid is by invitation only."""

    account = ForeignKeyField(Account, on_delete="CASCADE")
    account_id: int
    code_hash = CharField(max_length=64, unique=True)
    label = CharField(max_length=80)
    uses_left = IntegerField()
    expires_at = InstantField()
    created_at = InstantField()


class Action(Table):
    """Who did what, when: only ever added. `actor` is nobody's number where the grid itself acted."""

    id = AutoIncrementField()
    at = InstantField(index=True)
    actor = IntegerField(null=True)
    actor_name = CharField(max_length=60)
    what = CharField(max_length=40)
    subject = CharField(max_length=300)
    detail = TextField(default="", constraints=[SQL("DEFAULT ''")])


class LoginFailure(Table):
    folded = CharField(max_length=60, index=True)
    remote = CharField(max_length=60, index=True)
    at = InstantField(index=True)


class JoinKey(Table):
    account = ForeignKeyField(Account, on_delete="CASCADE")
    account_id: int
    key_hash = CharField(max_length=64, unique=True)
    label = CharField(max_length=80)
    uses_left = IntegerField()
    expires_at = InstantField()
    created_at = InstantField()


class Linking(Table):
    """A machine that asked to be linked by the device flow, until somebody confirms it by its code.

    `machine` is what it says of itself, `remote` the address that it asked from, `sender` whom that stands for.
    `account` is who has answered. The host that it becomes has `device_hash` for its attachment.
    """

    device_hash = CharField(max_length=64, unique=True)
    user_hash = CharField(max_length=64, unique=True)
    state = StateField(LinkState)
    name = CharField(max_length=200)
    machine = JsonField()
    remote = CharField(max_length=60)
    sender = CharField(max_length=60)
    created_at = InstantField()
    expires_at = InstantField(index=True)
    account = ForeignKeyField(Account, null=True, on_delete="CASCADE")
    account_id: int | None

    class Meta:
        indexes = ((("sender", "created_at"), False),)


class AccessToken(Table):
    """For scripts. `scopes`: words out of server/rules/scopes.py."""

    account = ForeignKeyField(Account, on_delete="CASCADE")
    account_id: int
    token_hash = CharField(max_length=64, unique=True)
    label = CharField(max_length=80)
    scopes = JsonField()
    created_at = InstantField()
    expires_at = InstantField(null=True)
    last_used_at = InstantField(null=True)


class MailProof(Table):
    """A secret that was sent to an address: who brings it back reads the letters that go there. Used once."""

    account = ForeignKeyField(Account, on_delete="CASCADE")
    account_id: int
    purpose = CharField(max_length=20)
    secret_hash = CharField(max_length=64, unique=True)
    email = CharField(max_length=254)
    created_at = InstantField()
    expires_at = InstantField()


class Letter(Table):
    """Something to be told to a person, by `channel` "mail" or "webhook". The body is emptied when it was sent.

    Its id is in the letter: a mailbox shows one of two letters with the same.
    """

    id = AutoIncrementField()
    account = ForeignKeyField(Account, null=True, on_delete="CASCADE")
    account_id: int | None
    channel = CharField(max_length=10)
    address = CharField(max_length=500)
    subject = CharField(max_length=200)
    body = TextField()
    created_at = InstantField()
    due_at = InstantField()
    tries = IntegerField(default=0)
    sent_at = InstantField(null=True)
    given_up_at = InstantField(null=True)
    trouble = TextField(default="")


# Those that wait, however many were sent.
Letter.add_index(
    Letter.index(Letter.due_at, name="letter_waiting").where(SQL("sent_at IS NULL AND given_up_at IS NULL"))
)


class PartialUpload(Table):
    """A file on its way in by the tus protocol. How much of it is there, its file on disk says.

    `name` stands in its address and is secret enough to be one; `sha256` is what the sender says that it has, or "",
    and, when it is complete, what it has. `metadata` is the sender's own header, to be given back as it came.
    """

    owner = ForeignKeyField(Account, on_delete="CASCADE")
    owner_id: int
    name = CharField(max_length=64, unique=True)
    filename = CharField(max_length=200)
    size = IntegerField()
    sha256 = CharField(max_length=64, default="")
    metadata = TextField(default="")
    created_at = InstantField()
    touched_at = InstantField(index=True)
    completed_at = InstantField(null=True)
