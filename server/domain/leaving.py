"""Deleting an account: what is the person's goes; the row stays without a name, for its hosts' results are others'."""

import datetime as dt
import shutil

from server.domain.drafts import folder_of
from server.domain.hashing import UNUSABLE
from server.domain.hosts import Hosts
from server.domain.passwords import Passwords, new_session_key
from server.domain.projects import Projects
from server.domain.teams import leave_team
from server.domain.uploads import Uploads
from server.errors import NotAllowedNow, NotFound
from server.storage.stores import Stores


class Leaving:
    def __init__(self, stores: Stores, passwords: Passwords, projects: Projects, hosts: Hosts) -> None:
        self._stores = stores
        self._passwords = passwords
        self._projects = projects
        self._hosts = hosts

    def delete_account(self, account_id: int, password: str, remote: str, now: dt.datetime) -> None:
        """At once nobody can act for it any more; then its projects, drafts and files are deleted.

        Raises NotAcceptable for a wrong password, TooManyTries, and NotAllowedNow for the last operator while others
        have accounts: the grid would be left with nobody who can block, cancel, or make another operator.
        """
        self._passwords.require(account_id, password, "password", remote, now)
        with self._stores.database.write():
            row = self._stores.accounts.by_id(account_id)
            if row is None or row.deleted_at is not None:
                raise NotFound()
            operating = self._stores.operating
            if row.is_operator and not operating.other_operators(account_id) and operating.count_accounts() > 1:
                raise NotAllowedNow("You are this grid's only operator. Make somebody else an operator first.")
            self._forget_person(account_id, now)
        delete_belongings(self._stores, self._projects, account_id, now)

    def _forget_person(self, account_id: int, now: dt.datetime) -> None:
        for host in self._stores.hosts.of_account(account_id):
            self._hosts.detach(account_id, host.id, now)
        self._stores.hosts.forget_appeals(account_id)
        self._stores.hosts.forget_names(account_id)
        leave_team(self._stores, account_id)
        self._stores.tokens.delete_all_of(account_id)
        self._stores.join_keys.delete_all_of(account_id)
        self._stores.invitations.delete_all_of(account_id)
        self._stores.linkings.delete_all_of(account_id)
        self._stores.letters.delete_of(account_id)
        self._stores.proofs.delete_of(account_id)
        self._stores.accounts.change(
            account_id, name=f"deleted-{account_id}",
            # In parentheses: nobody can have signed up by it.
            folded=f"(deleted-{account_id})", password_hash=UNUSABLE, session_key=new_session_key(), email="",
            email_verified_at=None, webhook_url="", webhook_secret="", is_listed=False, is_operator=False,
            deleted_at=now,
        )  # fmt: skip


class LeavingFinisher:
    """The pass that ends deletions of accounts that were interrupted."""

    def __init__(self, stores: Stores, projects: Projects) -> None:
        self._stores = stores
        self._projects = projects

    def run_pass(self, now: dt.datetime) -> int:
        departed = self._stores.accounts.departed_with_belongings()
        return sum(delete_belongings(self._stores, self._projects, number, now) for number in departed)


def delete_belongings(stores: Stores, projects: Projects, account_id: int, now: dt.datetime) -> int:
    """Projects with their blobs, drafts and files of an account; how many."""
    drafts = stores.drafts.numbers_of(account_id)
    owned = stores.projects.of_owner(account_id)
    for project in owned:
        projects.delete(account_id, project.id, now)
    Uploads(stores).remove_all_of(account_id)
    with stores.database.write():
        stores.drafts.delete_of(account_id)
    for number in drafts:
        shutil.rmtree(folder_of(stores, number), ignore_errors=True)
    return len(drafts) + len(owned)
