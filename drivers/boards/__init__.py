"""The board families by the name they have in a site's config; each family is one file here.

This is the one place where a family is registered: its simulated board (`drivers/simulator/boards`)
and its vectors (`tests/vectors`) are found by its name.

`FAMILIES[name]` tells what a family allows (`addresses`, `channel_counts`, `options`) and makes its
boards when called.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drivers.boards.dingchang_dc import DingchangDC
from drivers.boards.family import BoardFamily
from drivers.boards.kerong_cu12 import KerongCU12
from drivers.boards.kerong_cu16 import KerongCU16
from drivers.boards.kerong_cu48 import KerongCU48
from drivers.boards.kerong_cu48b import KerongCU48B
from drivers.boards.lockboard_8a import LockBoard8A
from drivers.boards.modbus_waveshare import ModbusWaveshare
from drivers.boards.modbus_xunming import ModbusXunming
from drivers.boards.wkly import WKLY

_ALL: tuple[BoardFamily, ...] = (
    LockBoard8A,
    KerongCU12,
    KerongCU16,
    KerongCU48,
    KerongCU48B,
    DingchangDC,
    ModbusWaveshare,
    ModbusXunming,
    WKLY,
)

FAMILIES: Mapping[str, BoardFamily] = MappingProxyType({family.name: family for family in _ALL})
