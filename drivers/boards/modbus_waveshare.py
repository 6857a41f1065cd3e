"""Waveshare's Modbus RTU relay boards with inputs (8, 16, 32 relays; (B), (D), IO-8CH).

Line: RS-485, 9600 baud as delivered, 8 data bits, no parity, 1 stop bit. Boards 1..255 (1 as
delivered); 0 is a broadcast and is not offered. Frames are Modbus RTU (`drivers/modbus.py`).

| request | frame | answer |
|---|---|---|
| pulse relay n | 05, coil 0200 + n - 1, value = time in 100 ms, 1..7FFF ("flash on") | its echo |
| off, then on again | 05, coil 0400 + n - 1, the same value ("flash off") | its echo |
| relay n on, off, toggle | 05, coil n - 1, value FF00, 0000, 5500 | its echo |
| ALL relays | 05, coil 00FF | its echo |
| relays | 01 from 0, for all relays at once only | a bit each |
| inputs | 02 from 0 | a bit each |
| several relays | 0F from 0 | how many |
| mode of relay n | 06, register 1000 + n - 1 | its echo |
| its own address | 03 at address 0, register 0; with one board on the line | one register |

Nothing here builds but the pulse, on and off for spare outputs, and the question for inputs. A door
is pulsed by "flash on": the board itself ends the pulse, so that a computer that dies, or a
lost frame, never leaves a solenoid under current. Inputs must not switch relays: mode 0 ("normal").

Input n is the sensor of the door at relay n. A set bit is an input under current; here, with
`invert` False, that is a shut door, as with a contact that closes when the door shuts. Boards with
no inputs cannot be used here: their doors could not be seen.

Between two frames the line must be silent: without silence another board's program lost 56 of 56
reads of its second board, with 5 ms none of 282.

Sources: www.waveshare.com/wiki/Modbus_RTU_Relay, the map nobrega8/mbmap-library (maps/waveshare/
modbus-rtu-relay.mbmap.json), Open-Locker (locker-client/docs/WAVESHARE_INTEGRATION.md, ADR 0035),
labgrid (labgrid/driver/modbusdriver.py). The vectors, each with its source, are in
`tests/vectors/modbus_waveshare.json`.
"""

from __future__ import annotations

from typing import ClassVar, Final

from drivers import modbus
from drivers.boards.board import FramedBoard
from drivers.boards.family import Answer, Evidence, LineTiming
from drivers.boards.options import Option
from drivers.frames import require_meant, within

ADDRESSES: Final = modbus.ADDRESSES
CHANNEL_COUNTS: Final = range(1, 33)

FLASH_ON: Final = 0x0200
FLASH_TENTHS: Final = range(1, 0x8000)

TIMING: Final = LineTiming(
    baud=9600,
    gap_s=0.005,
    quiet_s=0.025,
    read_timeout_s=0.3,
    unlock_settle_s=1.0,
    unlock_answer_s=0.05,
)
"""The gap is 3.5 characters and 1 ms, rounded up; the 25 ms are for adapters that deliver late."""

EVIDENCE: Final = Evidence(
    by_manual="everything",
    by_capture="one answer with the inputs; the silence between frames",
    uncertain="which way an input is wired",
)

OPTIONS: Final = (
    Option(
        "pulse_ms",
        "how long the board holds a lock's current, in milliseconds",
        700,
        range(100, 5001, 100),
    ),
)


def encode_flash_on(address: int, channel: int, tenths: int) -> bytes:
    """The frame that pulses one relay for so many tenths of a second."""
    return modbus.encode_write_coil(address, FLASH_ON + _relay(channel), _tenths(tenths))


def encode_switch_on(address: int, channel: int, *, is_no_solenoid: bool) -> bytes:
    """The frame that switches a relay on for good; must be assured that it drives no lock."""
    require_meant(is_no_solenoid, "burns a solenoid")
    return modbus.encode_write_coil(address, _relay(channel), modbus.ON)


def encode_switch_off(address: int, channel: int) -> bytes:
    """The frame that switches a relay off."""
    return modbus.encode_write_coil(address, _relay(channel), modbus.OFF)


def encode_read_inputs(address: int, count: int) -> bytes:
    """The frame that asks for inputs from the first on; it moves nothing."""
    return modbus.encode_read_inputs(address, 0, within("count of inputs", count, CHANNEL_COUNTS))


def _relay(channel: int) -> int:
    return within("relay", channel, CHANNEL_COUNTS) - 1


def _tenths(tenths: int) -> int:
    return within("time in 100 ms", tenths, FLASH_TENTHS)


class ModbusWaveshare(FramedBoard):
    """One board of this family.

    `invert` is False when an input under current is a shut door. Options: see `OPTIONS`.
    """

    name: ClassVar[str] = "modbus-waveshare"
    addresses: ClassVar[range] = ADDRESSES
    channel_counts: ClassVar[range] = CHANNEL_COUNTS
    evidence: ClassVar[Evidence] = EVIDENCE
    sought_channels: ClassVar[tuple[int, ...]] = (8, 16, 32)
    holds_outputs: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = OPTIONS
    timing: LineTiming = TIMING

    @property
    def inputs(self) -> int:
        """How many inputs are read: whole bytes, as these boards have them."""
        return (self.channels + 7) // 8 * 8

    def _status_request(self) -> bytes:
        return encode_read_inputs(self.address, self.inputs)

    def _unlock_request(self, channel: int) -> bytes:
        return encode_flash_on(self.address, channel, int(self.settings["pulse_ms"]) // 100)

    def _output_request(self, channel: int, is_on: bool) -> bytes:
        if is_on:
            # Whoever asks has made sure that no lock hangs there: see `Bank.set_output`.
            return encode_switch_on(self.address, channel, is_no_solenoid=True)
        return encode_switch_off(self.address, channel)

    def _answer_length(self) -> int:
        return modbus.bits_reply_length(self.inputs)

    def _has_shape(self, frame: bytes) -> bool:
        return frame.startswith(bytes((self.address, modbus.READ_INPUTS, self.inputs // 8)))

    def _sum_is_right(self, frame: bytes) -> bool:
        return modbus.crc_is_right(frame)

    def _read(self, frame: bytes) -> Answer:
        return Answer(self._doors(modbus.decode_inputs_reply(frame).states))
