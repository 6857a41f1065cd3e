"""The ways out: e-mail, SMS, an SMS daemon's folder, and Apprise for everything else.

Each is a `Notifier`. `notifiers` makes those that the settings name: another way is one class here
and one line there.
"""

from __future__ import annotations

import asyncio
import re
from email.charset import BASE64, Charset
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import formatdate, quote
from pathlib import Path
from typing import Protocol

import apprise
import httpx
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from central import addresses
from central.notify import refusals
from central.notify.message import Message
from central.notify.outbox import OPERATORS
from central.notify.refusals import Whose
from central.settings import Settings, Sms, Smtp
from kiosk.model.urls import path
from kiosk.private_files import private_folder, write_private

TIMEOUT_S = 20.0
UTF8 = Charset("utf-8")
"""A charset of our own: Apprise, once it is used, changes the library's for everybody."""
UTF8.body_encoding = BASE64


class SendError(Exception):
    """A message did not go out; it is tried again."""


class RefusedError(SendError):
    """A message can never go out this way: no such mailbox, no such number."""


class ChannelError(SendError):
    """The way out refuses the sender, or today: no message loses a try by it."""


class UnclearError(SendError):
    """It did not go out, and nothing says whether the person's address or the way is to blame."""


class Notifier(Protocol):
    """A way to a person."""

    @property
    def channel(self) -> str:
        """The name by which people and settings choose it."""
        ...

    async def send(self, message: Message) -> None:
        """Hand a message over; when this returns, the other side has it. Raises `SendError`."""
        ...

    async def close(self) -> None:
        """Give back what is held open."""
        ...


class EmailNotifier:
    """E-mail by SMTP (RFC 5321), over a few connections that stay open."""

    channel = "email"

    def __init__(self, smtp: Smtp, name: str = "") -> None:
        """`name`: whose lockers the mails are about."""
        self._smtp = smtp
        self._name = name
        self._idle: asyncio.LifoQueue[SMTP | None] = asyncio.LifoQueue()
        for _ in range(smtp.connections):
            self._idle.put_nowait(None)

    async def send(self, message: Message) -> None:
        connection = await self._idle.get()
        try:
            if connection is None or not connection.is_connected:
                connection = await self._connect()
            await connection.sendmail(
                addresses.sender(self._smtp.sender).addr_spec,
                message.to,
                email_of(message, self._smtp, self._name).as_bytes(),
                mail_options=[] if message.to.isascii() else ["SMTPUTF8"],
            )
        except (SMTPException, OSError) as error:
            if connection is not None:
                connection.close()
            connection = None
            raise _smtp_error(error) from error
        finally:
            self._idle.put_nowait(connection)

    async def _connect(self) -> SMTP:
        smtp = self._smtp
        connection = SMTP(
            hostname=smtp.host,
            port=smtp.port,
            timeout=TIMEOUT_S,
            use_tls=smtp.security == "tls",
            start_tls=smtp.security == "starttls",
            username=smtp.user or None,
            password=smtp.password or None,
        )
        try:
            await connection.connect()
        except UnicodeError as error:  # a host that no name server can be asked for
            raise ChannelError(f"{smtp.host!r} is no host's name: {error}") from error
        return connection

    async def close(self) -> None:
        while not self._idle.empty():
            connection = self._idle.get_nowait()
            if connection is not None:
                connection.close()


def _smtp_error(error: Exception) -> SendError:
    refused = error.recipients[0] if isinstance(error, SMTPRecipientsRefused) else error
    if isinstance(refused, SMTPNotSupported):
        return RefusedError(f"the mail server cannot send to this address: {refused}")
    if not isinstance(refused, SMTPResponseException):
        return ChannelError(str(error) or type(error).__name__)
    whose = refusals.of_mail(
        refused.code,
        refused.message,
        at_recipient=isinstance(refused, SMTPRecipientRefused),
        at_data=isinstance(refused, SMTPDataError),
    )
    return _error_of(whose, f"{refused.code} {refused.message}")


def _error_of(whose: Whose, words: str) -> SendError:
    kinds = {Whose.MAILBOX: RefusedError, Whose.MAILBOX_NOW: SendError}
    return kinds.get(whose, ChannelError)(words)


def email_of(message: Message, smtp: Smtp, name: str = "") -> MIMEBase:
    """The mail of a message. Its Message-ID is the notification's, so that a second try can be
    distinguished from a second message.

    Made with the standard library's older classes: the newer parse each header that they write,
    which costs five times as much. A line break in a header would begin another one: none stays.
    The boundaries are named, for else the text is searched for one that does not occur in it; no
    text has the message's own random id.
    """
    text: MIMEBase = _text(message.text, "plain")
    mail = text
    if message.html:
        mail = MIMEMultipart("alternative", boundary=f"=_{message.id}")
        mail.attach(text)
        mail.attach(_html_of(message))
    origin = addresses.sender(smtp.sender)
    mail["Message-ID"] = f"<{message.id}@{origin.domain}>"
    mail["Date"] = formatdate()
    mail["From"] = addresses.header_of(origin)
    mail["To"] = " ".join(message.to.split())
    mail["Subject"] = Header(" ".join(message.subject.split())).encode()
    if smtp.reply_to:
        mail["Reply-To"] = addresses.header_of(addresses.sender(smtp.reply_to))
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes as an answer
    mail["List-Id"] = _list_id(name or origin.display_name, origin.domain)
    if message.language:
        mail["Content-Language"] = message.language
    if message.unsubscribe_url:
        mail["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    return mail


def _list_id(name: str, domain: str) -> str:
    """By which mail programs know all mails about packages (RFC 2919)."""
    shown = " ".join(name.split())
    phrase = f'"{quote(shown)}"' if shown.isascii() else Header(shown, "utf-8").encode()
    return f"{phrase} <packages.{domain}>" if shown else f"<packages.{domain}>"


def _text(text: str, kind: str) -> MIMEBase:
    part = MIMENonMultipart("text", kind, charset="utf-8")
    part.set_payload(text, UTF8)
    return part


def _html_of(message: Message) -> MIMEBase:
    html = _text(message.html, "html")
    pictures = {"qr": ("code.png", message.picture), "logo": ("logo.png", message.logo)}
    if not any(content for _, content in pictures.values()):
        return html
    related = MIMEMultipart("related", boundary=f"=_html-{message.id}")
    related.attach(html)
    for name, (file, content) in pictures.items():
        if content:
            picture = MIMEImage(content, "png")
            picture["Content-ID"] = f"<{name}>"
            picture["Content-Disposition"] = f'inline; filename="{file}"'
            related.attach(picture)
    return related


class SmsNotifier:
    """SMS through an HTTP gateway that speaks as Twilio's Messages resource does."""

    channel = "sms"

    def __init__(self, sms: Sms) -> None:
        self._sms = sms
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_S, auth=(sms.account, sms.token), follow_redirects=False
        )

    async def send(self, message: Message) -> None:
        resource = path("2010-04-01", "Accounts", self._sms.account, "Messages.json")
        url = f"{self._sms.url.rstrip('/')}{resource}"
        form = {"To": message.to, "From": self._sms.sender, "Body": message.short}
        if message.receipt_url:
            form["StatusCallback"] = message.receipt_url
        try:
            answer = await self._client.post(
                url, data=form, headers={"idempotency-key": message.id}
            )
        except httpx.HTTPError as error:
            raise ChannelError(f"{type(error).__name__}: {error}") from error
        if not answer.is_success:
            whose = refusals.of_gateway(answer.status_code, answer.text)
            words = f"the gateway answered {answer.status_code}: {answer.text[:300]}"
            raise _error_of(whose, words)

    async def close(self) -> None:
        await self._client.aclose()


class SpoolNotifier:
    """Files in the `outgoing` folder of an SMS daemon such as smstools."""

    channel = "sms"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: Message) -> None:
        number = re.sub(r"\D", "", message.to)
        if not number:
            raise RefusedError("this is no telephone number")
        try:
            await asyncio.to_thread(self._write, number, message)
        except OSError as error:
            raise ChannelError(str(error)) from error

    def _write(self, number: str, message: Message) -> None:
        private_folder(self._folder)
        path = self._folder / message.id
        draft = path.with_suffix(".part")
        text = f"To: {number}\nAlphabet: UTF-8\n\n{message.short}\n"
        write_private(draft, text)
        draft.rename(path)

    async def close(self) -> None:
        return


class AppriseNotifier:
    """Any of the services that Apprise knows, by their URLs."""

    def __init__(self, channel: str, urls: tuple[str, ...] = ()) -> None:
        self.channel = channel
        self._urls = urls

    async def send(self, message: Message) -> None:
        service = apprise.Apprise()
        for url in self._urls or (message.to,):
            plugin = apprise.Apprise.instantiate(url)
            if plugin is None:
                raise RefusedError("Apprise does not know this kind of URL")
            # Its default pause of 5.5 s between two messages would hold up the outbox.
            plugin.request_rate_per_sec = 0
            service.add(plugin)
        if not await service.async_notify(body=message.text, title=message.subject):
            # It says no more than that. A person's URL may be wrong; the operators' is a setting.
            kind = ChannelError if self.channel == OPERATORS else UnclearError
            raise kind("Apprise could not deliver it")

    async def close(self) -> None:
        return


def notifiers(settings: Settings) -> dict[str, Notifier]:
    """The ways out that the settings name, by channel."""
    ways: list[Notifier] = [AppriseNotifier("apprise")]
    if settings.smtp is not None:
        ways.append(EmailNotifier(settings.smtp, settings.brand.name))
    if settings.sms is not None:
        if settings.sms.folder is not None:
            ways.append(SpoolNotifier(settings.sms.folder))
        elif settings.sms.url:
            ways.append(SmsNotifier(settings.sms))
    if settings.notifications.operator_urls:
        ways.append(AppriseNotifier(OPERATORS, settings.notifications.operator_urls))
    return {way.channel: way for way in ways}
