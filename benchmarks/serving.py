"""Measures the throughput and latency of the web server under load."""

import http.client
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.measure import PYTHON, Row
from common import PROJECT
from common.storage.model_files import PRETRAINED

SECONDS = 20.0  # time of the measurement for each number of clients
CLIENTS = (1, 8, 64)
DRAWING = PROJECT / "samples" / "3.png"


def serving() -> list[Row]:
    """Measures requests per second and latency for each number of concurrent clients."""
    rows = []
    with server() as (port, process):
        for clients in CLIENTS:
            statuses, taken = load(port, clients)
            unexpected = set(statuses) - {200, 503}
            if unexpected:
                raise RuntimeError(f"Expected status 200 or 503, received {unexpected}.")
            refused = statuses[503] / statuses.total()
            figure = f"{statuses[200] / SECONDS:.0f} per second, {quantiles(taken)}"
            if refused:
                figure += f", {refused:.1%} refused with 503"
            rows.append(Row(f"POST /read, {clients} client{'s' * (clients > 1)}", figure))
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
        rows.append(Row("  peak memory of the server", f"{peak / 1024:.0f} MB"))
    return rows


def quantiles(taken: list[float]) -> str:
    """Formats the median and 95th percentile, in milliseconds, of times given in seconds."""
    middle, slow = np.quantile(taken, [0.5, 0.95]) * 1000
    return f"p50 {middle:.0f} ms, p95 {slow:.0f} ms"


@contextmanager
def server(project: Path = PROJECT) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """Runs a project's `draw_digit.py` on a free port; yields the port and the process."""
    words = [PYTHON, "-u", "draw_digit.py", "--no-browser", "--port", "0", "--model", PRETRAINED]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, cwd=project, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().split("127.0.0.1:")[1].split("/")[0]), process
        finally:
            process.terminate()


def load(port: int, clients: int, seconds: float = SECONDS) -> tuple[Counter[int], list[float]]:
    """Sends `POST /read` requests from concurrent clients.

    Args:
        port: Port of the server on 127.0.0.1.
        clients: Number of concurrent clients.
        seconds: How long the clients send requests.

    Returns:
        The number of answers with each status, and the time of each successful one in seconds.
    """
    statuses: list[int] = []
    taken: list[float] = []
    end = time.perf_counter() + seconds
    content = DRAWING.read_bytes()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while (started := time.perf_counter()) < end:
            connection.request("POST", "/read", content)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            if answer.status == 200:
                taken.append(time.perf_counter() - started)
            else:
                time.sleep(float(answer.headers["Retry-After"]))

    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(client) for _ in range(clients)]:
            done.result()
    return Counter(statuses), taken
