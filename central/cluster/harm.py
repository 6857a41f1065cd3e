"""What is tried on a running cluster: its primary or a server killed, all servers upgraded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from central.adapters import monotonic_s
from central.cluster import plan, states
from central.cluster.commands import migrate
from central.cluster.folder import Folder
from central.cluster.plan import Plan, ServerNode
from central.cluster.processes import kill_with_children, pause, running
from central.errors import CannotServeError

BACK_WITHIN_S = 120.0
LOOK_S = 0.1
SEEN_AGAIN_S = 3.0
"""After so long HAProxy, which looks every second, sends a server that is back its share again."""


def kill_primary(folder: Folder) -> str:
    """Kill -9 the PostgreSQL that writes now, and all its processes; its name.

    Raises `CannotServeError` when none is found.
    """
    node = states.primary(plan.load(folder.plan))
    process = None if node is None else folder.postgres(node.name)
    if node is None or process is None:
        raise CannotServeError("there is no primary just now; try again in a moment")
    kill_with_children(process)
    return node.name


def kill_server(folder: Folder, name: str | None = None) -> str:
    """Kill -9 a server, the first unless another is named; its name. Raises `CannotServeError`."""
    names = [each.name for each in plan.load(folder.plan).servers]
    name = names[0] if name is None else name
    found = running(folder.running).get(name)
    if name not in names or found is None:
        raise CannotServeError(f"{name!r} does not run; right is one of {', '.join(names)}")
    kill_with_children(found)
    return name


def upgrade(folder: Folder, say: Callable[[str], None]) -> None:
    """Bring the tables up to this version's, then start the servers again one after the other.

    Raises `CannotServeError`.
    """
    whole = plan.load(folder.plan)
    migrate(folder.settings(whole.servers[0].name))
    say("the tables are this version's")
    for node in whole.servers:
        before = running(folder.running).get(node.name)
        if before is None:
            raise CannotServeError(f"{node.name} does not run; python -m central.cluster status")
        before.terminate()
        _wait(folder, node, before.pid)
        pause(SEEN_AGAIN_S)
        say(f"{node.name} runs again, process {running(folder.running)[node.name].pid}")


def _wait(folder: Folder, node: ServerNode, before: int) -> None:
    """Wait until a server is back as another process and ready."""
    until_s = monotonic_s() + BACK_WITHIN_S

    def is_back() -> bool:
        found = running(folder.running).get(node.name)
        return found is not None and found.pid != before and states.is_ready(node)

    while not is_back():
        if monotonic_s() > until_s:
            log = folder.logs / f"{node.name}.log"
            raise CannotServeError(f"{node.name} did not come back; see {log}")
        pause(LOOK_S)


def status(folder: Folder) -> list[str]:
    """One line for each part."""
    whole = plan.load(folder.plan)
    runs = running(folder.running)
    members = {each.name: each for each in states.members(whole)}
    lines = [_database_line(each.name, members.get(each.name)) for each in whole.databases]
    for node, url in zip(whole.databases, whole.etcd_urls, strict=True):
        lines.append(_line(f"etcd-{node.name}", url, _is_well(states.answers(f"{url}/health"))))
    for server, url in zip(whole.servers, whole.server_urls, strict=True):
        lines.append(_line(server.name, url, _is_well(states.is_ready(server))))
    if "haproxy" in runs:
        is_well = states.answers(f"{whole.balancer_url}/healthz")
        lines.append(_line("haproxy", whole.balancer_url, _is_well(is_well)))
    if "prometheus" in runs:
        url = whole.prometheus_url
        lines.append(_line("prometheus", url, _is_well(states.answers(f"{url}/-/ready"))))
    return lines


def _database_line(name: str, member: states.Member | None) -> str:
    if member is None:
        return _line(name, "PostgreSQL", _is_well(False))
    lag = "" if member.lag_bytes is None else f", {member.lag_bytes} bytes behind"
    return _line(name, f"PostgreSQL, {member.role}", f"{member.state}{lag}")


def _line(name: str, what: str, how: str) -> str:
    return f"{name:12} {what:26} {how}"


def _is_well(is_so: bool) -> str:
    return "well" if is_so else "DOES NOT ANSWER"


def settings_of(folder: Folder, whole: Plan) -> Path:
    """With which a command of the server is given."""
    return folder.settings(whole.servers[0].name)
