"""What is kept of people, in their language: the owner's own words, or ours."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from central.context import central_of
from central.links import PRIVACY
from central.notify.days import counted
from central.notify.words import FALLBACK, LINES, RIGHT_TO_LEFT, languages, texts
from central.pages.rendering import page

router = APIRouter(include_in_schema=False)


@router.get(PRIVACY)
async def privacy_page(request: Request, language: str = "") -> Response:
    """The notice; in the language asked for, else in the first that the browser wants."""
    settings = central_of(request).settings
    wanted = [language, *_accepted(request.headers.get("accept-language", "")), FALLBACK]
    chosen = next(each for each in wanted if each in languages())
    words = texts(chosen)["all"]
    days = settings.erase_after_days
    values = {"days": days, "period": counted(days, chosen), "contact": settings.privacy.contact}
    text = settings.privacy.text.get(chosen, words["privacy_text"])
    lines = [LINES.from_string(each).render(values) for each in (text, words["privacy_contact"])]
    return page(
        request,
        "privacy.html",
        operator=None,
        title=words["privacy_title"],
        paragraphs=[line for each in lines for line in each.split("\n") if line.strip()],
        language=chosen,
        direction="rtl" if chosen in RIGHT_TO_LEFT else "ltr",
    )


def _accepted(header: str) -> list[str]:
    """The languages that a browser names, in its order."""
    return [each.split(";")[0].split("-")[0].strip().casefold() for each in header.split(",")]
