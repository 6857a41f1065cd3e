"""Speech and sounds by programs of the system, each on a thread of its own; none is no fault.

A program gets what it has to say on its standard input. The newest wins: whoever goes on does not
wait until the machine has finished its sentence.
"""

from __future__ import annotations

import io
import logging
import math
import shutil
import subprocess
import threading
import wave
from collections.abc import Mapping, Sequence
from functools import cache
from struct import iter_unpack, pack

from kiosk.model.invariants import present

log = logging.getLogger(__name__)

SAMPLES_PER_S = 22_050
_FADE_S = 0.006
_AS_IT_IS_PERCENT = 100
_LARGEST_SAMPLE = 32_767
VOLUMES_PERCENT = (30, 50, 70, 100, 140, 200)
"""The steps of the volume, from 3 to 5 dB apart; a tone of half its height and the speech of
espeak-ng become no louder than the last."""
_LONGEST_S = 120
"""A program that runs longer than this hangs."""


@cache
def tone(frequency_hz: float, length_s: float, loudness: float) -> bytes:
    """A plain tone as a WAV file; `loudness` from 0 to 1. Its ends are faded, so that it does not
    click."""
    count = round(length_s * SAMPLES_PER_S)
    fade = _FADE_S * SAMPLES_PER_S
    samples = (
        loudness
        * min(1.0, number / fade, (count - number) / fade)
        * math.sin(2 * math.pi * frequency_hz * number / SAMPLES_PER_S)
        for number in range(count)
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLES_PER_S)
        sound.writeframes(b"".join(pack("<h", round(sample * 32_000)) for sample in samples))
    return file.getvalue()


def next_volume(percent: int, by: int) -> int:
    """The volume one step louder (`by` over 0) or quieter than this one; the same at the end."""
    steps = VOLUMES_PERCENT if by > 0 else VOLUMES_PERCENT[::-1]
    return next((each for each in steps if (each - percent) * by > 0), percent)


class Runner:
    """Runs one program after another on a thread of its own; a newer one ends the one that runs."""

    def __init__(self, name: str) -> None:
        self._change = threading.Condition()
        self._wanted: tuple[tuple[str, ...], bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ending = False
        self._has_failed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, command: Sequence[str], given: bytes) -> None:
        """Run this now, with this on its standard input; returns at once."""
        with self._change:
            self._wanted = (tuple(command), given)
            self._interrupt()

    def hush(self) -> None:
        """End what runs."""
        with self._change:
            self._wanted = None
            self._interrupt()

    def stop(self) -> None:
        """End what runs, and the thread."""
        with self._change:
            self._is_ending = True
            self._interrupt()
        self._thread.join()

    def _interrupt(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._change.notify()

    def _work(self) -> None:
        while True:
            with self._change:
                while self._wanted is None and not self._is_ending:
                    self._change.wait()
                if self._is_ending:
                    return
                command, given = present(self._wanted, "nobody ends the wait for nothing")
                self._wanted = None
                process = self._process = self._started(command)
            if process is not None:
                self._finish(process, command, given)

    def _started(self, command: tuple[str, ...]) -> subprocess.Popen[bytes] | None:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            self._complain(f"{command[0]} cannot be started: {error}")
            return None

    def _finish(
        self, process: subprocess.Popen[bytes], command: tuple[str, ...], given: bytes
    ) -> None:
        try:
            process.communicate(given, timeout=_LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        except OSError:
            process.wait()  # it was ended while it read
        with self._change:
            self._process = None
        if process.returncode > 0:
            self._complain(f"{command[0]} ended with {process.returncode}: is there a sound card?")

    def _complain(self, problem: str) -> None:
        # Once: without a sound card every screen would say it again.
        if not self._has_failed:
            log.warning("no sound: %s", problem)
        self._has_failed = True


class Loudspeaker:
    """Speaks with one program and plays tones with another; either may be missing.

    `speech` is a command that speaks what it reads; `{language}` in it becomes the language's code,
    `{volume}` its loudness from 0 to 200, of which 100 is usual. `player` is a command that plays a
    WAV file which it reads. `volume_percent` is how loud both are where nobody says otherwise.
    """

    def __init__(
        self, speech: Sequence[str] = (), player: Sequence[str] = (), volume_percent: int = 100
    ) -> None:
        self._speech, self._player = tuple(speech), tuple(player)
        self.usual_percent = volume_percent
        self.volume_percent = volume_percent
        """How loud both are from the next sound on."""
        self._voice = Runner("speech") if is_there(self._speech) else None
        self._tones = Runner("sound") if is_there(self._player) else None

    @property
    def is_heard(self) -> bool:
        """Whether this machine can speak."""
        return self._voice is not None

    def say(self, text: str, language: str) -> None:
        """Say this instead of what is being said."""
        if self._voice is not None:
            places = {"{language}": language, "{volume}": str(self.volume_percent)}
            command = [_filled(part, places) for part in self._speech]
            self._voice.run(command, f"{text}\n".encode())

    def hush(self) -> None:
        """Say no more."""
        if self._voice is not None:
            self._voice.hush()

    def play(self, sound: bytes) -> None:
        """Play a WAV file."""
        if self._tones is not None:
            self._tones.run(self._player, _as_loud(sound, self.volume_percent))

    def stop(self) -> None:
        """End what sounds, and both threads."""
        for runner in (self._voice, self._tones):
            if runner is not None:
                runner.stop()


def _filled(part: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        part = part.replace(place, value)
    return part


@cache
def _as_loud(sound: bytes, percent: int) -> bytes:
    """A WAV file at so much of its loudness."""
    if percent == _AS_IT_IS_PERCENT:
        return sound
    file = io.BytesIO()
    with wave.open(io.BytesIO(sound), "rb") as loud, wave.open(file, "wb") as quiet:
        quiet.setparams(loud.getparams())
        samples = iter_unpack("<h", loud.readframes(loud.getnframes()))
        made = (value * percent // 100 for (value,) in samples)
        quiet.writeframes(b"".join(pack("<h", _in_a_sample(value)) for value in made))
    return file.getvalue()


def _in_a_sample(value: int) -> int:
    return max(-_LARGEST_SAMPLE, min(_LARGEST_SAMPLE, value))


def is_there(command: Sequence[str]) -> bool:
    """Whether the program of a command is on this machine."""
    return bool(command) and shutil.which(command[0]) is not None
