"""The collected frames in tests/vectors/*.json, with the codecs and boards that they belong to.

A frame of kind KIND is built by `encode_KIND` and read by `decode_KIND`, where there are such: a
request is built by the host and read by the board, an answer the other way round. Many requests are
never built by the product, and many answers never read.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from drivers.boards import FAMILIES
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.families import simulate_board

FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[1] / "vectors").glob("*.json"))
}
"""By the name of the codec's module."""

OF_FAMILY = {vectors["family"]: vectors for vectors in FILES.values() if vectors["family"]}


def host_codec_of(name: str) -> ModuleType:
    """The module with what the product builds and reads."""
    package = "drivers" if name == "modbus" else "drivers.boards"
    return importlib.import_module(f"{package}.{name}")


def board_codec_of(name: str) -> ModuleType:
    """The module with what a board understands and answers."""
    return importlib.import_module(f"drivers.simulator.boards.{name}")


def cases(key: str, *, family_only: bool = False) -> list[tuple[str, dict[str, Any]]]:
    """All entries of a list in all files, each with its codec's name."""
    return [
        (name, each)
        for name, vectors in FILES.items()
        for each in vectors[key]
        if vectors["family"] or not family_only
    ]


def case_id(case: tuple[str, dict[str, Any]]) -> str:
    name, entry = case
    return f"{name}: {entry.get('hex') or entry.get('request')} {entry.get('kind', '')}"


def plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields as the codec has them: sets of locks as bits, bytes as bytes, lists as tuples."""
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(place in value["set"] for place in range(1, value["of"] + 1))
    if isinstance(value, list):
        return tuple(value)
    return bytes.fromhex(value) if isinstance(value, str) else value


def taken(function: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Those of the arguments that the function has a parameter for."""
    known = inspect.signature(function).parameters
    return {name: value for name, value in arguments.items() if name in known}


def decoders(name: str) -> list[Any]:
    """All functions that read a frame of a codec: the host's, and the board's one for requests."""
    host = host_codec_of(name)
    return [
        *(
            function
            for each, function in inspect.getmembers(host, inspect.isfunction)
            if each.startswith("decode_") and function.__module__ == host.__name__
        ),
        board_codec_of(name).decode_request,
    ]


def encoders(name: str) -> list[Any]:
    """All functions by which the product builds a request."""
    return [
        function
        for each, function in inspect.getmembers(host_codec_of(name), inspect.isfunction)
        if each.startswith("encode_")
    ]


def as_fields(message: Any) -> dict[str, Any]:
    return {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}


class Bench:
    """A simulated board with a lock and a door on every channel; doors are named by channel."""

    def __init__(self, family: str, vector: dict[str, Any]) -> None:
        self.board = FAMILIES[family](
            vector["address"],
            vector["channels"],
            invert=vector.get("invert", False),
            options=vector.get("options", {}),
        )
        self.channels = range(1, vector["channels"] + 1)
        self.steel = SimulatedBank(map(str, self.channels), Random(1), lambda: 0.0)
        for channel in vector.get("open", []):
            self.steel.open_by_force(str(channel))
        for channel in vector.get("jammed", []):
            self.steel.jam(str(channel))
        for channel in vector.get("items", []):
            self.steel.door(str(channel)).has_item = True
        slots = {channel: str(channel) for channel in self.channels}
        self.simulated = simulate_board(self.board, self.steel, slots)

    def ask(self, request: bytes, at_s: float = 0.0) -> list[bytes]:
        """What the board sends back, each frame as the doors are by then."""
        answers = []
        for reply in sorted(self.simulated.hear(request, at_s), key=lambda reply: reply.at_s):
            self.steel.advance(reply.at_s)
            answers.append(reply.make_frame())
        return answers

    def pulsed(self) -> list[int]:
        """The channels whose locks were pulsed so far."""
        return [channel for channel in self.channels if self.steel.door(str(channel)).pulses]
