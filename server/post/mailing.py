"""Mail by SMTP: one letter, one conversation. The password is in no log and no repr."""

import datetime as dt
import smtplib
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from server.errors import NotDelivered
from server.rules.letters import Outgoing


@dataclass(frozen=True)
class MailServer:
    """`security` is "starttls", "tls" or "none"; `sender` the address that the grid writes from."""

    host: str
    port: int
    sender: str
    name: str = "DAIG"
    user: str = ""
    password: str = field(default="", repr=False)
    security: str = "starttls"
    seconds: float = 20.0


class Mailer:
    def __init__(self, server: MailServer) -> None:
        self._server = server

    def send(self, letter: Outgoing) -> None:
        """Hand it to the mail server. Raises NotDelivered, `for_good` when the server will never take it."""
        try:
            message = self._message(letter)
        except ValueError as error:
            raise NotDelivered(f"The letter cannot be written: {error}", for_good=True) from None
        try:
            with self._connection() as connection:
                connection.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise NotDelivered(_said(error), for_good=all(code >= 500 for code in codes)) from None
        except smtplib.SMTPException as error:
            raise NotDelivered(_said(error)) from None
        except (OSError, ValueError) as error:
            raise NotDelivered(f"The mail server does not answer as it should: {type(error).__name__}.") from None

    def _connection(self) -> smtplib.SMTP:
        server = self._server
        # Said in the greeting; left out, it would be looked up, which takes seconds where names do not resolve.
        name = parseaddr(server.sender)[1].rpartition("@")[2] or "localhost"
        if server.security == "tls":
            context = ssl.create_default_context()
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, name, timeout=server.seconds, context=context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, name, timeout=server.seconds)
        try:
            if server.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _message(self, letter: Outgoing) -> EmailMessage:
        """Raises ValueError for a header with a line break in it."""
        name, sender = parseaddr(self._server.sender)
        message = EmailMessage()
        message["From"] = Address(name or self._server.name, addr_spec=sender)
        message["To"] = Address(addr_spec=letter.address)
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(dt.datetime.now(dt.UTC))
        # The same in every try, so that a mailbox that got it twice may show it once.
        message["Message-ID"] = f"<letter-{letter.id}@{sender.rpartition('@')[2] or 'daig'}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.body)
        return message


def _said(error: smtplib.SMTPException) -> str:
    """The server's answer, without what we sent: a log-in that failed must not repeat the password."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"The mail server refuses the log-in ({error.smtp_code})."
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return f"The mail server refuses the recipient: {code} {_plain(text)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server says: {error.smtp_code} {_plain(error.smtp_error)}"
    return f"The mail server cannot be used: {type(error).__name__}: {_plain(str(error))}"


def _plain(text: bytes | str) -> str:
    shown = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    return " ".join(shown.split())[:200]
