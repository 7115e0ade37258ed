"""What every table is made from: the database that is bound later, and reads in plain SQL."""

from typing import Any, Self

from peewee import DatabaseProxy, Model

proxy = DatabaseProxy()


class Table(Model):
    """Ids that hosts or addresses name are AutoIncrementField: never given to another row after a deletion.

    A foreign key has no index of its own where one of the table's others begins with it: the planner would take it
    before a better one.
    """

    id: Any

    class Meta:
        database = proxy
        legacy_table_names = False

    @classmethod
    def rows_where(cls, condition: str, *values: Any) -> list[Self]:
        """Rows by a condition in SQL, `?` for each value: on the hot path the query builder takes six times as long."""
        return list(cls.raw(f"SELECT * FROM {cls._meta.table_name} WHERE {condition}", *values))

    @classmethod
    def row_where(cls, condition: str, *values: Any) -> Self | None:
        """The first such row, if there is one."""
        return next(iter(cls.rows_where(f"{condition} LIMIT 1", *values)), None)
