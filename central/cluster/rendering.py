"""The files of a cluster's programs, from the forms in `files`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from string import Template

from central.cluster.plan import DatabaseNode, Plan, ServerNode
from kiosk.model.urls import host as in_url

FORMS = Path(__file__).parent / "files"


def form(name: str, /, **values: object) -> str:
    """A form with its places filled; one that is missing is an error."""
    return Template((FORMS / name).read_text(encoding="utf-8")).substitute(values)


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f"'{each}'" for each in texts)


def etcd(plan: Plan, node: DatabaseNode, data: Path) -> str:
    """The settings of one etcd."""
    peers = (
        f"{each.name}=http://{in_url(each.address)}:{each.etcd_peer_port}"
        for each in plan.databases
    )
    return form(
        "etcd.yml",
        name=node.name,
        data=data,
        address=in_url(node.address),
        client_port=node.etcd_port,
        peer_port=node.etcd_peer_port,
        peers=",".join(peers),
        token=plan.secrets.etcd_token,
    )


def patroni(plan: Plan, node: DatabaseNode, data: Path, programs: Path) -> str:
    """The settings of one Patroni and its PostgreSQL."""
    secrets = plan.secrets
    return form(
        "patroni.yml",
        name=node.name,
        address=node.address,
        port=node.port,
        patroni_port=node.patroni_port,
        etcds=_quoted(f"{each.address}:{each.etcd_port}" for each in plan.databases),
        data=data,
        pgpass=data.with_name(f"{node.name}.pgpass"),
        programs=programs,
        pg_hba="\n".join(f"    - '{line}'" for line in _who_may_come(plan)),
        rest_password=secrets.patroni,
        etcd_password=secrets.etcd,
        superuser_password=secrets.superuser,
        replication_password=secrets.replication,
        rewind_password=secrets.rewind,
    )


def _who_may_come(plan: Plan) -> list[str]:
    """The lines of pg_hba.conf: each machine of the cluster, with a password, and nobody else."""
    databases = dict.fromkeys(_net(each.address) for each in plan.databases)
    servers = dict.fromkeys(_net(each.address) for each in plan.servers)
    lines = [f"host central central {net} scram-sha-256" for net in servers]
    lines += [f"host all postgres,rewinder {net} scram-sha-256" for net in databases]
    return lines + [f"host replication replicator {net} scram-sha-256" for net in databases]


def _net(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def haproxy(plan: Plan, extra: str = "", tls: str = "") -> str:
    """HAProxy's settings; `extra` are lines of its first part."""
    api = [each for each in plan.servers if "api" in each.roles]
    servers = "\n".join(
        f"  server {each.name} {in_url(each.address)}:{each.port} check inter 1s fall 2 rise 1"
        for each in api
    )
    return form(
        "haproxy.cfg",
        address=in_url(plan.balancer_address),
        port=plan.balancer_port,
        servers=servers,
        extra=extra,
        tls=tls,
    )


def central(plan: Plan, node: ServerNode, data: Path, shared: Path, public_url: str) -> str:
    """The settings of one server; `shared`: the folder of the key, the same for all."""
    values = {
        "data": str(data),
        "key_file": str(shared / "central.key"),
        "forgotten_file": str(shared / "forgotten.jsonl"),
        "database_url": plan.database_url,
        "host": node.address,
        "port": node.port,
        "public_url": public_url,
        "roles": list(node.roles),
    }
    return form("central.toml", **{name: json.dumps(value) for name, value in values.items()})


def prometheus(plan: Plan, rules: Iterable[Path]) -> str:
    """What Prometheus asks, and which rules it holds that against."""
    return form(
        "prometheus.yml",
        rules=_quoted(str(path) for path in rules),
        servers=_quoted(f"{in_url(each.address)}:{each.port}" for each in plan.servers),
        databases=_quoted(f"{in_url(each.address)}:{each.patroni_port}" for each in plan.databases),
    )


def demo(messages: Path) -> str:
    """The settings of a server that is only tried: messages into a folder, and soon."""
    return form("demo.toml", messages=json.dumps(str(messages)))
