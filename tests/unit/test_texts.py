"""What the kiosk says: every view, choice and refusal has its words, and they need no window."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from kiosk.flows.views import courier as courier_views
from kiosk.flows.views import customer, service, shared
from kiosk.flows.views.choices import Choice, Problem, Purpose, Question, Refusal, Refused
from kiosk.flows.views.courier import Receipt, ReceiptLine
from kiosk.flows.views.customer import EnterCode, First
from kiosk.flows.views.shared import Ask, Trouble, View
from kiosk.model.events import EventKind
from kiosk.model.power import UNKNOWN, Power
from kiosk.ui import texts, theme
from kiosk.ui.colours import distance
from kiosk.ui.directions import Side, direction_of
from kiosk.ui.icons import GLYPHS
from kiosk.ui.language import ENGLISH, languages, speech
from kiosk.ui.texts import courier
from kiosk.ui.theme import Colour, Tone
from tests.gallery.locker import NOW_MS, sample_doors, sample_location
from tests.gallery.panels import PANELS
from tests.gallery.samples import sample_machine, sample_views

ROOT = Path(__file__).parents[2]
LOCATION = sample_location()
PALETTES = {"light": theme.LIGHT, "night": theme.NIGHT, "access": theme.HIGH_CONTRAST}


def luminance(colour: Colour) -> float:
    """Relative luminance (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("choice", Choice)
def test_every_choice_has_a_word_and_an_icon_of_its_own(choice: Choice) -> None:
    assert choice in texts.choice_labels.CHOICE_LABELS, (
        f"{choice} has no label in kiosk/ui/texts/choice_labels.py"
    )
    assert texts.choice_labels.choice_label(choice).icon in GLYPHS


@pytest.mark.parametrize("view", [view for _, view in sample_views()], ids=lambda v: repr(v)[:60])
def test_every_view_says_something_and_its_icons_exist(view: View) -> None:
    words = texts.words_for(view, LOCATION)
    assert words.title
    assert "{" not in words.title + words.body
    assert words.icon == "" or words.icon in GLYPHS
    assert words.note is None or words.note.icon in GLYPHS


def test_every_kind_of_view_has_a_sample() -> None:
    modules = (shared, customer, courier_views, service)
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    kinds = {kind for kind in kinds if issubclass(kind, View) and kind is not View}
    assert kinds - {type(view) for _, view in sample_views()} == set()


@pytest.mark.parametrize(("reason", "detail"), list(product(Refusal, ("", "12"))))
def test_every_refusal_is_a_sentence(reason: Refusal, detail: str) -> None:
    sentence = texts.parts.refusal(Refused(reason, detail), LOCATION, ENGLISH)
    assert sentence.endswith(".")
    assert reason.value not in sentence


def test_a_wrong_code_tells_a_guesser_nothing() -> None:
    bare, detailed = (
        texts.words_for(EnterCode(refused=Refused(Refusal.NOT_KNOWN, d)), LOCATION).note
        for d in ("", "door 7")
    )
    assert bare == detailed


@pytest.mark.parametrize(("problem", "purpose"), list(product(Problem, Purpose)))
def test_trouble_says_what_happened_and_whom_to_call(problem: Problem, purpose: Purpose) -> None:
    view = Trouble(problem=problem, slot="7", wrong_slot="9", reference="K3-1", purpose=purpose)
    words = texts.words_for(view, LOCATION)
    assert LOCATION.help_phone in words.body
    assert words.note is not None and "K3-1" in words.note.text
    if purpose is not Purpose.TAKE:
        assert "Your package" not in words.body


@pytest.mark.parametrize("question", Question)
def test_every_question_is_asked(question: Question) -> None:
    words = texts.words_for(Ask(question=question, slot="7"), LOCATION)
    assert words.title and question.value not in words.title


def test_a_code_is_shown_as_it_is_read_aloud() -> None:
    assert texts.parts.spaced_code("482107733") == "482 107 733"
    assert texts.parts.spaced_code("4821077339") == "482 107 7339"


def test_left_and_right_are_as_seen_from_the_screen() -> None:
    assert direction_of("1", LOCATION).side is Side.LEFT
    assert direction_of("24", LOCATION).side is Side.RIGHT
    assert (
        texts.parts.direction_sentence(direction_of("1", LOCATION))
        == "To the left, near the bottom"
    )
    assert texts.parts.direction_icon(direction_of("24", LOCATION)) == "arrow-up-right"


def test_a_technician_sees_the_most_important_thing_of_a_door() -> None:
    signs = {row.slot: texts.service.sign(row) for row in sample_doors().doors}
    assert signs["5"] is texts.service.SIGN_OPEN
    assert signs["9"] is texts.service.SIGN_SUSPECT
    assert signs["14"] is texts.service.SIGN_NO_DEPOSITS
    assert signs["2"] is texts.service.SIGN_OCCUPIED
    silent = {row.slot: texts.service.sign(row) for row in sample_doors(silent=True).doors}
    assert silent["14"] is texts.service.SIGN_UNREACHABLE


@pytest.mark.parametrize("palette", PALETTES)
def test_everything_that_is_written_can_be_read(palette: str) -> None:
    colours = PALETTES[palette]
    for ground in (colours.ground, colours.surface, colours.pressed):
        assert contrast(colours.ink, ground) >= 7
        assert contrast(colours.ink_soft, ground) >= 4.5
    assert contrast(colours.ink_soft, colours.ground) >= 7
    assert contrast(colours.ink_soft, colours.quiet) >= 4.5
    assert contrast(colours.on_ink, colours.ink) >= 7
    for ground in (colours.ground, colours.surface):
        assert contrast(colours.edge, ground) >= 3
    for tone in colours.tones.values():
        assert contrast(tone.strong, tone.on_strong) >= 7
        assert contrast(tone.soft, colours.ink) >= 7
        assert contrast(tone.soft, colours.ink_soft) >= 4.5
        for ground in (colours.ground, colours.surface, tone.soft):
            assert contrast(tone.strong_ink, ground) >= 4.5
    act = colours.tones[Tone.ACT]
    assert contrast(colours.act_pressed, act.on_strong) >= 4.5
    assert contrast(act.strong, colours.ground) >= 3


def test_the_access_mode_is_all_7_to_1() -> None:
    colours = theme.HIGH_CONTRAST
    pairs = [(colours.ink, colours.ground), (colours.ink_soft, colours.quiet)]
    pairs += [(colours.edge, colours.ground), (colours.line, colours.ground)]
    for tone in colours.tones.values():
        pairs += [(tone.strong, tone.on_strong), (tone.strong_ink, tone.soft)]
    assert min(contrast(*pair) for pair in pairs) >= 7


def test_a_sites_own_colour_is_made_to_stand_out_by_night_too() -> None:
    accent = theme.colour("#7A0B5A")
    for palette in (theme.LIGHT, theme.NIGHT):
        own = palette.with_accent(accent)
        act = own.tones[Tone.ACT]
        assert contrast(act.strong, act.on_strong) >= 4.5
        assert contrast(act.strong, own.ground) >= 3
        assert contrast(act.soft, own.ink) >= 7
    assert theme.LIGHT.with_accent(accent).tones[Tone.ACT].strong == accent


EIGHTHS = [f"{part:02X}" for part in (0, 64, 128, 192, 255)]
ACCENTS = [f"#{red}{green}{blue}" for red in EIGHTHS for green in EIGHTHS for blue in EIGHTHS]
BRANDS = ("#FFCC00", "#E2001A", "#D40511", "#C8102E", "#A31D17", "#FF9D93", "#7FB2F0", "#777777")


@pytest.mark.parametrize("palette", ["light", "night"])
def test_every_accent_can_be_read_and_is_no_error(palette: str) -> None:
    for accent in (*BRANDS, *ACCENTS):
        own = PALETTES[palette].with_accent(theme.colour(accent))
        act, failed = own.tones[Tone.ACT], own.tones[Tone.FAILED]
        for words, ground in (
            *((act.on_strong, act.strong), (act.on_strong, own.act_pressed)),
            *((act.strong_ink, own.ground), (act.strong_ink, own.surface)),
            *((act.strong_ink, act.soft), (own.ink, act.soft)),
            *((own.ink_soft, act.soft), (own.ink, own.pressed)),
        ):
            assert contrast(words, ground) >= 4.5, accent
        for one in (act.strong, act.strong_ink):
            for other in (failed.strong, failed.strong_ink):
                assert distance(one, other) >= 0.14, accent
        assert distance(act.soft, failed.soft) >= 0.02, accent
        edge = theme.Theme(PANELS["1280x800"], colours=own).edge_around(act.strong)
        assert contrast(edge, own.ground) >= 3, accent


def test_a_light_accent_stays_and_carries_dark_words() -> None:
    yellow = theme.colour("#FFCC00")
    act = theme.LIGHT.with_accent(yellow).tones[Tone.ACT]
    assert act.strong == yellow and luminance(act.on_strong) < 0.1


def test_words_need_no_window() -> None:
    script = "import sys, kiosk.ui.texts, tests.gallery.samples; sys.exit('kivy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def test_a_receipt_to_take_along_has_the_newest_packages_and_counts_the_others() -> None:
    lines = tuple(
        ReceiptLine(EventKind.PACKAGE_STORED, f"JD0146000062812{number:05d}", "7", NOW_MS)
        for number in range(60)
    )
    view = Receipt(name="Kim", number="417", lines=lines)
    text = courier.receipt_text(view, 900, sample_location(), ENGLISH)
    assert len(text.encode()) <= 900
    assert "Receipt 417, Kim" in text
    assert text.endswith("JD014600006281200059")
    shown = text.count("JD0146")
    assert f"{60 - shown} more before these" in text


@pytest.mark.parametrize("language", languages())
def test_seconds_that_run_down_are_no_new_sentence(language: str) -> None:
    def said(wait_s: int) -> str:
        ask = Ask(question=Question.NEED_MORE_TIME, wait_s=wait_s)
        return texts.words_for(ask, LOCATION, speech(language)).body

    # One and two may be words without a figure.
    rest = {texts.spoken.without_numbers(said(seconds)) for seconds in range(3, 60)}
    assert len(rest) == 1
    assert len({said(1), said(3), said(20)}) == 3


def test_the_machine_says_how_warm_the_locker_is_and_how_it_gets_its_power() -> None:
    machine = sample_machine()
    said = dict(texts.service.machine_details(machine, LOCATION))
    assert said["In the locker"] == "38 °C"
    assert said["Power"] == "Battery only · 62 % · 41 min left"
    silent = replace(machine, power=UNKNOWN)
    assert dict(texts.service.machine_details(silent, LOCATION))["Power"] == (
        "The supply does not answer"
    )
    on_mains = replace(machine, power=Power(True, False, battery_percent=100.0))
    assert dict(texts.service.machine_details(on_mains, LOCATION))["Power"] == "Mains · 100 %"
    bare = replace(machine, power=None, vitals=service.Vitals())
    assert not {"Power", "In the locker"} & set(dict(texts.service.machine_details(bare, LOCATION)))


def test_doors_that_are_dead_elsewhere_are_nobodys_business_and_all_of_them_are() -> None:
    usual = texts.words_for(First(), LOCATION)
    assert texts.words_for(First(unreachable_boards=1), LOCATION) == usual
    notice = texts.words_for(First(unreachable_boards=2, no_door_works=True), LOCATION)
    assert "safe" in notice.body and notice.note is not None
    assert LOCATION.help_phone in notice.note.text


def test_a_technician_reads_which_board_is_away_and_since_when() -> None:
    doors = replace(sample_doors(silent=True), away_since_ms={"board-B": NOW_MS})
    silent = next(board for board in doors.boards if not board.reachable)
    said = texts.service.silent_board(silent, doors, LOCATION, ENGLISH)
    assert said.startswith("board-B: no answer on") and said.endswith("since Fri 6 Nov, 22:20")
    view = service.Boards(boards=doors.boards, away_since_ms=doors.away_since_ms)
    rows = texts.service.board_details(view, LOCATION)
    assert [name for name, value in rows if "since Fri 6 Nov, 22:20" in value] == ["board-B"]


LINK = "https://lockers.example.org/receipt/market/0f/417/Zk1v0b2xQ9rT7yUe3wPq5A"


@pytest.mark.parametrize(
    ("count", "is_reached", "is_link"),
    [(3, True, True), (3, False, False), (60, True, True), (60, False, True)],
)
def test_a_receipts_code_is_the_link_where_its_page_is_there_or_the_list_has_no_room(
    count: int, is_reached: bool, is_link: bool
) -> None:
    lines = tuple(
        ReceiptLine(EventKind.PACKAGE_STORED, f"JD0146000062812{number:05d}", "7", NOW_MS)
        for number in range(count)
    )
    view = Receipt(name="Kim", number="417", lines=lines, link=LINK, is_reached=is_reached)
    code = courier.receipt_qr(view, sample_location(), ENGLISH)
    assert (code == f"{LINK}?language=en") is is_link
    assert (code.count("JD0146") == count) is not is_link
    words = courier.receipt_words(view, 0, count, sample_location(), ENGLISH)
    assert words.note is not None
    assert ("online" in words.note.text) is (is_link and not is_reached)
