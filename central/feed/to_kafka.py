"""Documents to a Kafka topic, by librdkafka's idempotent producer; the key is the location.

A producer that may have left a gap is thrown away with all that waits in it, so that nothing of a
location comes before what is sent again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from central.errors import CannotServeError
from central.feed.document import Document
from central.feed.publisher import NotPublishedError, Target

LOG = logging.getLogger("central.feed")
FLUSH_S: Final = 0.5


class ToKafka:
    """Waits as long as it takes: the producer itself tries again, in order."""

    def __init__(self, target: Target) -> None:
        self._target, self._ending = target, threading.Event()
        self._config = _config(target)
        self._producer = self._made()

    def publish(self, documents: Sequence[Document]) -> None:
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: object) -> None:
            if error is not None:
                failed.append(error)

        try:
            for each in documents:
                self._producer.produce(
                    self._target.name,
                    each.text().encode(),
                    each.location.encode(),
                    headers={"name": each.name.encode()},
                    on_delivery=delivered,
                )
            while len(self._producer) and not failed and not self._ending.is_set():
                self._producer.flush(FLUSH_S)
        except (KafkaException, BufferError) as error:
            self._begin_again()
            raise NotPublishedError(str(error)) from error
        if failed or len(self._producer):
            self._begin_again()
            raise NotPublishedError(failed[0].str() if failed else "ended")

    def end(self) -> None:
        self._ending.set()

    def close(self) -> None:
        self._producer.purge()
        self._producer.flush(FLUSH_S)

    def _begin_again(self) -> None:
        self.close()
        self._producer = self._made()

    def _made(self) -> Producer:
        try:
            return Producer(self._config)
        except KafkaException as error:
            raise CannotServeError(
                f"{self._target}: librdkafka does not take these settings: {error.args[0].str()}"
            ) from error


def _config(target: Target) -> dict[str, Any]:
    config: dict[str, Any] = {
        "bootstrap.servers": ",".join(target.servers),
        "client.id": "central-stream",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "acks": "all",
        "message.timeout.ms": 0,
        "linger.ms": 5,
        "compression.type": "lz4",
        "error_cb": _tell,
        "log_level": 3,
    }
    protocol = "SSL" if target.is_tls else "PLAINTEXT"
    if target.user:
        protocol = "SASL_SSL" if target.is_tls else "SASL_PLAINTEXT"
        config |= {"sasl.mechanism": "PLAIN", "sasl.username": target.user}
        config["sasl.password"] = target.password
    config["security.protocol"] = protocol
    if target.tls_ca is not None:
        config["ssl.ca.location"] = str(target.tls_ca)
    if target.credentials_file is not None:
        config |= _lines(target.credentials_file)
    return config


def _lines(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotServeError(f"{path}: the broker's credentials cannot be read") from error
    said = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    pairs = [line.partition("=") for line in said]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _tell(error: KafkaError) -> None:
    LOG.warning("Kafka: %s", error.str())
