"""A file layer under SQLite that records, or fails, every call that reaches the disk.

Pure ctypes over the very library that the `sqlite3` module uses, so that the product's code runs
unchanged. It needs a dynamically linked `_sqlite3`. See https://sqlite.org/c3ref/vfs.html for the
two structures.
"""

from __future__ import annotations

import _sqlite3
import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

_library = ctypes.CDLL(_sqlite3.__file__)
# Looked up through the module, the symbols are those of the library that it is linked to.
_pointer, _int, _int64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64

OK = 0
FULL = 13
IO_ERROR = 10


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = [
        ("iVersion", _int),
        *(
            (name, _pointer)
            for name in (
                *("xClose", "xRead", "xWrite", "xTruncate", "xSync", "xFileSize", "xLock"),
                *("xUnlock", "xCheckReservedLock", "xFileControl", "xSectorSize"),
                *("xDeviceCharacteristics", "xShmMap", "xShmLock", "xShmBarrier", "xShmUnmap"),
                *("xFetch", "xUnfetch"),
            )
        ),
    ]


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 3."""

    _fields_ = [
        ("iVersion", _int),
        ("szOsFile", _int),
        ("mxPathname", _int),
        ("pNext", _pointer),
        ("zName", ctypes.c_char_p),
        ("pAppData", _pointer),
        *(
            (name, _pointer)
            for name in (
                *("xOpen", "xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym"),
                *("xDlClose", "xRandomness", "xSleep", "xCurrentTime", "xGetLastError"),
                *("xCurrentTimeInt64", "xSetSystemCall", "xGetSystemCall", "xNextSystemCall"),
            )
        ),
    ]


_Open = ctypes.CFUNCTYPE(_int, _pointer, _pointer, _pointer, _int, _pointer)
_Delete = ctypes.CFUNCTYPE(_int, _pointer, ctypes.c_char_p, _int)
_Read = ctypes.CFUNCTYPE(_int, _pointer, _pointer, _int, _int64)
_Write = ctypes.CFUNCTYPE(_int, _pointer, _pointer, _int, _int64)
_Truncate = ctypes.CFUNCTYPE(_int, _pointer, _int64)
_Sync = ctypes.CFUNCTYPE(_int, _pointer, _int)
_Randomness = ctypes.CFUNCTYPE(_int, _pointer, _int, _pointer)
_Close = ctypes.CFUNCTYPE(_int, _pointer)

_library.sqlite3_vfs_find.restype = _pointer
_library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
_library.sqlite3_vfs_register.argtypes = [_pointer, _int]
_library.sqlite3_vfs_unregister.argtypes = [_pointer]
_library.sqlite3_randomness.argtypes = [_int, _pointer]


@dataclass(frozen=True, slots=True)
class Opened:
    """A file was opened; `is_new` when it was made by that."""

    name: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Written:
    name: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    name: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """A file's name was removed; `is_synced` when the folder was synced as well."""

    name: str
    is_synced: bool


Operation = Opened | Written | Truncated | Synced | Deleted


class RecordingVfs:
    """Registered as SQLite's default while the block runs; a context manager.

    `on_operation` gets every change that was made; `fault` is asked before every call, by its name
    (open, read, write, truncate, sync, delete) and the file's, and answers with an error code or 0.
    Only files of `folder` are seen; all others pass.
    """

    def __init__(
        self,
        folder: Path,
        on_operation: Callable[[Operation], None] = lambda operation: None,
        fault: Callable[[str, str], int] | None = None,
    ) -> None:
        self._folder = folder
        self._tell = on_operation
        self._fault = fault
        self._names: dict[int, str] = {}
        self._methods: dict[int, _Methods] = {}
        self._kept: list[Any] = []
        """The callbacks: ctypes does not keep them alive."""
        self.failures: list[BaseException] = []
        """What went wrong in a callback; ctypes would only print it."""
        self._base_address = _library.sqlite3_vfs_find(None)
        self._base = _Vfs.from_address(self._base_address)
        self._vfs = _Vfs()
        ctypes.memmove(ctypes.byref(self._vfs), self._base_address, ctypes.sizeof(_Vfs))
        self._vfs.zName = b"recording"
        self._vfs.pNext = None
        self._open, self._delete = _Open(self._base.xOpen), _Delete(self._base.xDelete)
        self._vfs.xOpen = self._callback(_Open, self._on_open)
        self._vfs.xDelete = self._callback(_Delete, self._on_delete)
        self._vfs.xRandomness = self._callback(_Randomness, self._on_randomness)

    def __enter__(self) -> RecordingVfs:
        _library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)
        # SQLite draws its seed from us: the salts of a log are the same in every run.
        _library.sqlite3_randomness(0, None)
        return self

    def __exit__(self, *_: object) -> None:
        _library.sqlite3_vfs_register(self._base_address, 1)
        _library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        _library.sqlite3_randomness(0, None)
        if self.failures:
            raise self.failures[0]

    def _callback(self, kind: Any, function: Callable[..., int]) -> int | None:
        def guarded(*arguments: Any) -> int:
            try:
                return function(*arguments)
            except BaseException as error:  # noqa: BLE001 - C code cannot be raised through
                self.failures.append(error)
                return IO_ERROR

        made = kind(guarded)
        self._kept.append(made)
        return ctypes.cast(made, _pointer).value

    def _asked(self, call: str, name: str) -> int:
        return OK if self._fault is None else self._fault(call, name)

    def _ours(self, path: bytes | None) -> Path | None:
        found = None if path is None else Path(path.decode())
        return found if found is not None and found.parent == self._folder else None

    def _on_open(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = self._ours(ctypes.cast(name, ctypes.c_char_p).value if name else None)
        if path is None:
            return int(self._open(vfs, name, file, flags, out))
        # The kiosk makes an empty file first, with its rights: to SQLite it is there, and is new.
        is_made_for_it = path.suffix == ".db" and path.name not in self._names.values()
        is_new = not path.exists() or (is_made_for_it and path.stat().st_size == 0)
        code = self._asked("open", path.name)
        if code:
            # A file that did not open has no methods; SQLite looks.
            _pointer.from_address(file).value = None
            return code
        code = self._open(vfs, name, file, flags, out)
        if code == OK:
            self._tell(Opened(path.name, is_new))
            self._names[file] = path.name
            self._wrap(file)
        return int(code)

    def _on_delete(self, vfs: int, name: bytes, sync_folder: int) -> int:
        path = self._ours(name)
        if path is None:
            return int(self._delete(vfs, name, sync_folder))
        was_there = path.exists()
        code = self._asked("delete", path.name) or self._delete(vfs, name, sync_folder)
        if code == OK and was_there:
            self._tell(Deleted(path.name, bool(sync_folder)))
        return int(code)

    def _on_randomness(self, vfs: int, size: int, out: int) -> int:
        ctypes.memmove(out, Random(0).randbytes(size), size)
        return size

    def _wrap(self, file: int) -> None:
        """Put our methods before those that the file got when it was opened."""
        slot = _pointer.from_address(file)
        assert slot.value is not None
        if slot.value not in self._methods:
            self._methods[slot.value] = self._wrapped(slot.value)
        slot.value = ctypes.addressof(self._methods[slot.value])

    def _wrapped(self, address: int) -> _Methods:
        methods = _Methods()
        ctypes.memmove(ctypes.byref(methods), address, ctypes.sizeof(_Methods))
        read, write = _Read(methods.xRead), _Write(methods.xWrite)
        truncate, sync = _Truncate(methods.xTruncate), _Sync(methods.xSync)
        close = _Close(methods.xClose)

        def on_read(file: int, data: int, size: int, offset: int) -> int:
            return self._asked("read", self._names[file]) or int(read(file, data, size, offset))

        def on_write(file: int, data: int, size: int, offset: int) -> int:
            name = self._names[file]
            code = self._asked("write", name) or write(file, data, size, offset)
            if code == OK:
                self._tell(Written(name, offset, ctypes.string_at(data, size)))
            return int(code)

        def on_truncate(file: int, size: int) -> int:
            name = self._names[file]
            code = self._asked("truncate", name) or truncate(file, size)
            if code == OK:
                self._tell(Truncated(name, size))
            return int(code)

        def on_sync(file: int, flags: int) -> int:
            name = self._names[file]
            code = self._asked("sync", name) or sync(file, flags)
            if code == OK:
                self._tell(Synced(name))
            return int(code)

        def on_close(file: int) -> int:
            self._names.pop(file, None)
            return int(close(file))

        if self._fault is not None:
            methods.xRead = self._callback(_Read, on_read)
        methods.xWrite = self._callback(_Write, on_write)
        methods.xTruncate = self._callback(_Truncate, on_truncate)
        methods.xSync = self._callback(_Sync, on_sync)
        methods.xClose = self._callback(_Close, on_close)
        return methods
