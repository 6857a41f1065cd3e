"""Speech and sounds: a program is given what it says, the newest wins, and none is no fault."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import time
import wave
from itertools import pairwise
from pathlib import Path

import pytest

from config import DEMO_SITE, load_site
from config.schema import Sound
from kiosk.model.clock import HOUR_MS
from kiosk.site_model import remarks, site_look_of
from kiosk.ui.language import languages
from kiosk.ui.loudspeaker import VOLUMES_PERCENT, Loudspeaker, next_volume, tone
from kiosk.ui.night import NightHours

PATIENCE_S = 120.0


def text_in(path: Path, awaited: str) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists() or awaited not in path.read_text():
        assert time.monotonic() < deadline, f"{awaited!r} was not said"
        time.sleep(0.01)
    return path.read_text()


def test_a_program_gets_the_text_in_its_language(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    loudspeaker = Loudspeaker(("sh", "-c", f"echo {{language}} >>{heard}; cat >>{heard}"))
    loudspeaker.say("Guten Tag.", "de")
    assert text_in(heard, "Tag") == "de\nGuten Tag.\n"
    loudspeaker.stop()


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
@pytest.mark.parametrize("language", languages())
def test_every_language_has_a_voice_of_its_own(language: str) -> None:
    command = [part.format(language=language, volume=100) for part in Sound().speech]
    spoken = subprocess.run([*command, "-q"], input=b"7", capture_output=True, check=False)
    assert spoken.returncode == 0, spoken.stderr
    unknown = subprocess.run(["espeak-ng", "-v", "xx", "-q", "7"], capture_output=True, check=False)
    assert unknown.returncode != 0


def test_the_newest_wins(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    # Whoever reads the first sentence is slow to say it.
    script = f'read text; [ "$text" = long ] && sleep 60; echo "$text" >>{heard}'
    loudspeaker = Loudspeaker(("sh", "-c", script))
    loudspeaker.say("long", "en")
    time.sleep(0.2)
    began_s = time.monotonic()
    loudspeaker.say("short", "en")
    assert text_in(heard, "short") == "short\n"
    assert time.monotonic() - began_s < 30
    loudspeaker.stop()


def test_a_machine_without_the_programs_is_silent() -> None:
    loudspeaker = Loudspeaker(("no-such-program",), ())
    loudspeaker.say("Nothing.", "en")
    loudspeaker.play(tone(880, 0.08, 0.5))
    loudspeaker.stop()


def test_without_a_sound_card_it_is_said_once_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard = tmp_path / "heard"
    loudspeaker = Loudspeaker((), ("sh", "-c", f"echo played >>{heard}; exit 1"))
    for count in (1, 2):
        loudspeaker.play(tone(880, 0.08, 0.5))
        text_in(heard, "played\n" * count)
    loudspeaker.stop()
    assert caplog.text.count("no sound") <= 1


def test_a_tone_has_its_length_and_its_loudness() -> None:
    with wave.open(io.BytesIO(tone(880, 0.08, 0.25))) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(0.08, abs=0.001)
        samples = memoryview(sound.readframes(10_000)).cast("h")
        assert max(samples) == pytest.approx(0.25 * 32_000, rel=0.05)
        assert abs(samples[0]) < 100 and abs(samples[-1]) < 1_000, "it does not click"


def test_the_volume_goes_up_and_down_in_steps_and_stays_within_them() -> None:
    ups = [100]
    while (louder := next_volume(ups[-1], 1)) != ups[-1]:
        ups.append(louder)
    assert ups == [100, 140, 200], "what is usual can be more than doubled"
    assert [next_volume(each, -1) for each in ups] == [70, 100, 140]
    assert next_volume(30, -1) == 30
    assert (next_volume(60, 1), next_volume(60, -1)) == (70, 50), "an owner's own between them"
    assert (next_volume(0, 1), next_volume(0, -1)) == (30, 0)


def test_tones_and_speech_are_as_loud_as_somebody_set_them(tmp_path: Path) -> None:
    heard, played = tmp_path / "heard", tmp_path / "played"
    loudspeaker = Loudspeaker(
        ("sh", "-c", f"echo {{volume}} >>{heard}; cat >/dev/null"),
        ("sh", "-c", f"cat >{played}.new; mv {played}.new {played}"),
        70,
    )
    peaks = {}
    for percent in (loudspeaker.usual_percent, 200):
        loudspeaker.volume_percent = percent
        loudspeaker.say("Door 7.", "en")
        text_in(heard, f"{percent}\n")
        loudspeaker.play(tone(880, 0.08, 0.5))
        peaks[percent] = peak_in(played)
    loudspeaker.stop()
    assert peaks[70] == pytest.approx(0.35 * 32_000, rel=0.05)
    assert peaks[200] == pytest.approx(32_000, rel=0.05)


def peak_in(path: Path) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, "nothing was played"
        time.sleep(0.01)
    with wave.open(str(path)) as sound:
        samples = memoryview(sound.readframes(sound.getnframes())).cast("h")
    path.unlink()
    return max(samples)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_the_voice_becomes_clearly_louder_and_quieter_with_the_volume(tmp_path: Path) -> None:
    def loudness(percent: int) -> float:
        command = [part.format(language="en", volume=percent) for part in Sound().speech]
        file = tmp_path / f"{percent}.wav"
        subprocess.run([*command, "-w", file], input=b"Door 7 is open.", check=True)
        with wave.open(str(file)) as sound:
            samples = memoryview(sound.readframes(sound.getnframes())).cast("h")
        return math.sqrt(sum(each * each for each in samples) / len(samples))

    steps = [loudness(percent) for percent in VOLUMES_PERCENT]
    gains_db = [20 * math.log10(b / a) for a, b in pairwise(steps)]
    assert all(gain > 1.5 for gain in gains_db), gains_db
    usual = VOLUMES_PERCENT.index(100)
    assert 20 * math.log10(steps[-1] / steps[usual]) > 4, "the loudest is well over what is usual"


@pytest.mark.parametrize(
    ("hours", "at_2300", "at_noon"),
    [("21:30-06:00", True, False), ("10:00-14:00", False, True), ("", False, False)],
)
def test_the_night_is_by_the_clock_of_the_site(hours: str, at_2300: bool, at_noon: bool) -> None:
    night = NightHours(hours, "Europe/Berlin")
    noon_ms = 1_793_962_800_000  # Fri 6 Nov 2026, 12:00 in Berlin
    assert night.holds(noon_ms) is at_noon
    assert night.holds(noon_ms + 11 * HOUR_MS) is at_2300


def test_check_says_what_is_not_heard_and_a_lost_logo_is_no_fault(tmp_path: Path) -> None:
    site = load_site(DEMO_SITE)
    silent = site.sound.model_copy(update={"speech": ("no-such-program",), "player": ()})
    logo = site.look.model_copy(update={"logo": Path("lost.png"), "accent": "#7A0B5A"})
    said = " ".join(remarks(site.model_copy(update={"sound": silent})))
    assert "Nothing is spoken here" in said and "No sounds are played here" in said
    look = site_look_of(site.model_copy(update={"look": logo}), tmp_path)
    assert look.logo is None and look.accent is not None
