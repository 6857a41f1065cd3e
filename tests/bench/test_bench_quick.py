"""The bench runs and writes every figure of the store; what the figures are is not judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from drivers.boards import FAMILIES

ROOT = Path(__file__).parents[2]


def test_the_bench_runs_and_writes_its_figures(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"

    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--no-window", "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
    figures = json.loads(output.read_text(encoding="utf-8"))
    banks = {"24", "1000", "10000"}
    assert banks <= figures["reserve_ms"].keys()
    assert banks <= figures["reserve_vs_bare_commit"].keys()
    assert {"10", "300", "10000"} <= figures["code_check_ms"].keys()
    for name in ("reserve_ms", "code_check_ms"):
        for percentiles in figures[name].values():
            assert 0 < percentiles["p50"] <= percentiles["p99"]
    assert figures["bare_commit_ms"]["p50"] > 0
    assert figures["concurrent_100"]["operations"] == figures["concurrent_100_bare"]["operations"]
    assert figures["concurrent_100"]["double_bookings"] == 0
    assert figures["badges_decided"] | {"rows": 0} == {"couriers": 600, "wrong": 0, "rows": 0}
    assert figures["badge_checks_per_s"] > 0
    assert len(figures["codec_frames_per_s"]) == len(FAMILIES), "one figure for each family"
    assert len(figures["bank_poll_ms"]) == 6
    assert figures["unlock_latency_ms"]["p50"] > 0
    assert figures["central_sync"]["errors"] == 0
    assert figures["central_nearest_ms"]["p50"] > 0
    for name in ("feed_file", "feed_kafka"):
        assert figures[name]["samples"] >= 500
    for name in ("webhooks", "webhooks_beside_a_dead_one"):
        assert figures[name]["samples"] >= 200
    assert figures["central_nearest_full_ms"]["p50"] > 0
    for name in figures.keys() - {"machine"}:
        assert name in ran.stdout, f"{name} is not in the table"
