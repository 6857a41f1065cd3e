"""A message written out for a person: as an e-mail with and without pictures, and as an SMS.

All of them say the same; the text of an e-mail has all that its picture of a page has.
"""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from central.brands import Logo, logo_of
from central.notify import days
from central.notify.about import About, Line, details_of, lines_of, map_links
from central.notify.message import Message
from central.notify.outbox import WITH_CODE, Kind
from central.notify.pictures import qr_picture
from central.notify.short_texts import shortest
from central.notify.words import filled, texts

PAGES = Environment(
    loader=PackageLoader("central.notify", "."), undefined=StrictUndefined, autoescape=True
)
TO_BE_FETCHED = (*WITH_CODE, Kind.OUT_OF_REACH)
MAY_BE_KEPT = (Kind.STORED, Kind.REMINDER, Kind.ABOUT_TO_EXPIRE, Kind.WORKS_AGAIN, Kind.EXPIRED)
"""The SMS that say how a package is kept longer, where that is possible."""


def written(id_: str, kind: Kind, channel: str, to: str, about: About) -> Message:
    """What a person is sent, in their language and for every way out."""
    words, details = texts(about.language)[kind], details_of(about)
    text = filled(words["text"], details).strip()
    subject = filled(words["subject"], details)
    lines = lines_of(about, details, is_to_be_fetched=kind in TO_BE_FETCHED)
    maps = map_links(about) if kind in TO_BE_FETCHED else []
    picture = qr_picture(about.location.id, about.code) if about.code else b""
    logo = logo_for(about)
    return Message(
        id_,
        kind,
        channel,
        to,
        subject,
        _letter(about, details, text, lines, maps),
        _page(about, details, subject, text, lines, maps, logo),
        picture,
        _short(about, kind, words, details),
        language=about.language,
        logo=b"" if logo is None else logo.content,
    )


def colour_of(about: About) -> str:
    """The colour at the head of a message: of who stands there."""
    return about.look.colour or about.brand.colour or "#0b4ea8"


def sender_of(about: About) -> str:
    """Who is at the head of a message: the carrier whose package it is, else the lockers' owner."""
    return about.look.name or about.owner


def logo_for(about: About) -> Logo | None:
    """The owner's logo, beside the owner's name alone."""
    is_theirs = about.brand.logo is not None and not about.look.name
    return logo_of(about.brand.logo) if is_theirs and about.brand.logo else None


def _offer(about: About) -> str:
    """What the person's page is for."""
    return about.words["page"] if about.ways.may_extend else about.words["page_only"]


def _shown(about: About, url: str) -> str:
    # The blank keeps mail programs from taking the mark for a part of the link.
    return about.shown(f"{url} ") if about.runs_left else url


def _letter(
    about: About, details: Mapping[str, str], text: str, lines: list[Line], maps: list[Line]
) -> str:
    """The text of an e-mail."""

    def row(label: str, value: str) -> str:
        return filled(about.words["row"], {"label": label, "value": value})

    code = [details["code"]] if about.code else []
    page = [row(_offer(about), _shown(about, about.ways.page))] if about.ways.page else []
    listed = [
        row(line.label, days.listed(about.language, *line.text.split("\n"))) for line in lines
    ]
    listed += [row(line.label, _shown(about, line.url)) for line in maps]
    privacy = about.ways.privacy
    end = [row(about.words["privacy_title"], _shown(about, privacy))] if privacy else []
    greeting = filled(about.words["greeting"], details)
    head = [about.named(sender_of(about))] if sender_of(about) else []
    blocks = (head, [greeting, text], code, page, listed, _owners(about), end)
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _owners(about: About) -> list[str]:
    """Whose lockers they are, where a carrier stands at the head."""
    if not about.owner or about.owner == sender_of(about):
        return []
    return [filled(about.words["lockers_of"], {"owner": about.named(about.owner)})]


def _page(
    about: About,
    details: Mapping[str, str],
    subject: str,
    text: str,
    lines: list[Line],
    maps: list[Line],
    logo: Logo | None,
) -> str:
    """The same as a page, with pictures."""
    hint = (details["location"], details["until"])
    return PAGES.get_template("message.html").render(
        about=about,
        subject=subject,
        hint=" · ".join(each for each in hint if each),
        sender=sender_of(about),
        greeting=filled(about.words["greeting"], details),
        paragraphs=text.split("\n"),
        code=details["code"],
        picture=filled(about.words["picture"], details),
        words=about.words,
        lines=lines,
        maps=maps,
        offer=_offer(about),
        owners=_owners(about),
        colour=colour_of(about),
        logo=logo,
        direction="rtl" if about.is_from_right else "ltr",
        side="right" if about.is_from_right else "left",
        far="left" if about.is_from_right else "right",
    )


def _short(about: About, kind: Kind, words: Mapping[str, str], details: Mapping[str, str]) -> str:
    """The SMS, on one line, as gateways want it, in as few parts as it takes: where it would need
    another one, the shop is not named, then the address is left out, then days are short, then the
    owner is not named."""
    names = {**details, "place": details["location"]}
    days_short = details_of(about, is_short=True)
    days_short["place"] = days_short["location"]
    # As a name within the text: a first letter from left to right would turn over all behind it.
    head = f"{about.named(sender_of(about))}: " if sender_of(about) else ""
    carrier = f"{about.named(about.look.name)}: " if about.look.name else ""
    end, said = _short_offer(about, kind), words.get("sms", words["text"])
    ways: list[tuple[str, Mapping[str, str]]] = [
        (head, details),
        (head, names),
        (head, days_short),
        (carrier, days_short),
    ]
    if about.shop:
        shop = f"{about.named(about.shop)}, {head}" if head else f"{about.named(about.shop)}: "
        ways = [(shop, details), (shop, names), (shop, days_short), *ways]
    return shortest(
        " ".join(f"{who}{filled(said, what).strip()}{end}".split()) for who, what in ways
    )


def _short_offer(about: About, kind: Kind) -> str:
    if not about.ways.short:
        return ""
    name = "sms_longer" if kind in MAY_BE_KEPT and about.ways.may_extend else "sms_more"
    if name == "sms_more" and kind is not Kind.STORED:
        return ""
    shown = _shown(about, about.ways.short)
    return " " + filled(about.words[name], {"link": shown})
