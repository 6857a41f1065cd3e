"""The tables of the releases that kiosks may fetch here, and of what is signed about them."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table, Text

from central.database.columns import WHOLE, metadata, number_column, text_column, time_column

release = Table(
    "release",
    metadata,
    Column("version", Text, primary_key=True),
    Column("python", Text, primary_key=True),
    Column("machine", Text, primary_key=True),
    text_column("file"),
    text_column("sha256"),
    number_column("size"),
    text_column("notes"),
    number_column("made_ms"),
    time_column("end_of_support_ms"),
    number_column("added_ms"),
    sqlite_strict=True,
)
"""One file of a release, as the release maker's signature has it: for which Python (`cp311`) and
which machine (`x86_64`). `size` is in bytes."""

release_metadata = Table(
    "release_metadata",
    metadata,
    Column("name", Text, primary_key=True),
    text_column("role"),
    number_column("version"),
    Column("content", LargeBinary, nullable=False),
    number_column("made_ms"),
    sqlite_strict=True,
)
"""The signed metadata of The Update Framework, under the names by which it is fetched."""

release_key = Table(
    "release_key",
    metadata,
    Column("number", WHOLE, primary_key=True, autoincrement=True),
    Column("public_key", Text, nullable=False, unique=True),
    Column("key_sealed", LargeBinary, nullable=False),
    number_column("created_ms"),
    sqlite_strict=True,
)
"""The server's own keys, of which the newest signs what is new and how new it is."""
