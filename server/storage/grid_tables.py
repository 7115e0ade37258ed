"""The tables of the grid itself: who leads, and single facts."""

from peewee import CharField, IntegerField, TextField

from server.storage.fields import InstantField
from server.storage.table import Table


class Leadership(Table):
    """One row a duty: who leads, until when, and the fencing token that grows with each change of leader."""

    name = CharField(max_length=40, primary_key=True)
    holder = CharField(max_length=80)
    token = IntegerField()
    expires_at = InstantField()


class GridFact(Table):
    """Single facts of the whole grid: when the server was last alive, its secret."""

    name = CharField(max_length=40, primary_key=True)
    value = TextField()
