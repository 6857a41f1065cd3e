"""How a cluster is: who is the primary, which servers answer."""

from __future__ import annotations

import json
from dataclasses import dataclass

import httpx

from central.cluster.plan import DatabaseNode, Plan, ServerNode
from kiosk.model.urls import host as in_url

TIMEOUT_S = 2.0
WORKING = ("running", "streaming")
"""What Patroni calls a PostgreSQL that does its part."""
CONFIRMING = ("sync_standby", "quorum_standby")
"""And one without whose word nothing is acknowledged."""


@dataclass(frozen=True, slots=True)
class Member:
    """A PostgreSQL as Patroni sees it."""

    name: str
    role: str
    state: str
    lag_bytes: int | None


def _get(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url, timeout=TIMEOUT_S, trust_env=False)
    except httpx.HTTPError:
        return None


def members(plan: Plan) -> list[Member]:
    """All that Patroni knows of; none where nobody answers."""
    for node in plan.databases:
        answer = _get(f"{_patroni(node)}/cluster")
        if answer is not None and answer.is_success:
            try:
                return [_member(each) for each in answer.json()["members"]]
            except (json.JSONDecodeError, KeyError):
                continue
    return []


def _member(entry: dict[str, object]) -> Member:
    lag = entry.get("lag")
    return Member(
        str(entry["name"]),
        str(entry["role"]),
        str(entry["state"]),
        lag if isinstance(lag, int) else None,
    )


def primary(plan: Plan) -> DatabaseNode | None:
    """The PostgreSQL that writes now, by its own word."""
    for node in plan.databases:
        answer = _get(f"{_patroni(node)}/primary")
        if answer is not None and answer.is_success:
            return node
    return None


def is_whole(plan: Plan) -> bool:
    """Whether there is a primary, the others follow it, and one of them confirms what it writes.

    Each is asked itself: of one that was killed the others believe for a while that it works.
    """
    work = all(answers(f"{_patroni(node)}/health") for node in plan.databases)
    if not work or primary(plan) is None:
        return False
    found = members(plan)
    is_confirmed = any(each.role in CONFIRMING for each in found) or len(found) == 1
    return is_confirmed and all(each.state in WORKING for each in found)


def is_ready(server: ServerNode) -> bool:
    """Whether a server does its work."""
    return answers(f"http://{in_url(server.address)}:{server.port}/readyz")


def is_etcd_up(plan: Plan) -> bool:
    """Whether each etcd has found the others."""
    return all(answers(f"{url}/health") for url in plan.etcd_urls)


def answers(url: str) -> bool:
    """Whether there is an answer, and a good one."""
    answer = _get(url)
    return answer is not None and answer.is_success


def _patroni(node: DatabaseNode) -> str:
    return f"http://{in_url(node.address)}:{node.patroni_port}"
