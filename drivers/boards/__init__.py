"""The board families by the name they have in a site's config; each family is one file here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drivers.boards.family import BoardFamily
from drivers.boards.lockboard_8a import LockBoard8A

FAMILIES: Mapping[str, BoardFamily] = MappingProxyType({LockBoard8A.name: LockBoard8A})
