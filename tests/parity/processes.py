"""A clean process for every case.

The published engine keeps feature ids in process-wide globals and may crash on hostile input, so each case runs in a
child forked from a server that has imported everything and built no world. The server is started with a pipe and
forks on request; a child that dies is reported with what it was doing, and the suite goes on.
"""

import mmap
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parents[2]
_LENGTH = struct.Struct("<Q")
_STAGE_BYTES = 256


@dataclass(frozen=True)
class Died:
    """The child process ended without a result. `stage`: what it was doing.

    `signal`: the one that ended it, 0 when it ran too long, minus its exit status when it ended by itself (as it does
    when a sanitizer stops it).
    """

    signal: int
    stage: str

    def __str__(self) -> str:
        if self.signal < 0:
            name = f"exit status {-self.signal}"
        else:
            name = "time limit" if self.signal == 0 else signal.Signals(self.signal).name
        return f"process died ({name}) during {self.stage!r}"


@dataclass(frozen=True)
class Raised:
    """The called function itself raised (an error of the test code, not of an engine)."""

    text: str


class Oracle:
    """One fork server. `call` runs `function(*args, progress)` in a fresh child and returns its result."""

    def __init__(self) -> None:
        environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.parity.processes"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def call(self, function: Callable[..., Any], *args: Any, limit_seconds: float = 60.0) -> Any:
        """The function's result, `Died`, or raises RuntimeError with the traceback if the function raised."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        name = f"{function.__module__}:{function.__qualname__}"
        _send(self._server.stdin, (name, args, limit_seconds))
        result = _receive(self._server.stdout)
        if isinstance(result, Raised):
            raise RuntimeError(f"in the child process:\n{result.text}")
        return result

    def close(self) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


def map_cases(
    function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], workers: int, limit_seconds: float = 60.0
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """(arguments, result) as they finish, over `workers` fork servers; `arguments` is consumed as needed."""
    oracles = [Oracle() for _ in range(workers)]
    idle = list(oracles)
    pending: dict[Future[Any], tuple[tuple[Any, ...], Oracle]] = {}
    todo = iter(arguments)
    try:
        with ThreadPoolExecutor(workers) as threads:
            while True:
                while idle and (args := next(todo, None)) is not None:
                    oracle = idle.pop()
                    future = threads.submit(oracle.call, function, *args, limit_seconds=limit_seconds)
                    pending[future] = (args, oracle)
                if not pending:
                    return
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    args, oracle = pending.pop(future)
                    idle.append(oracle)
                    yield args, future.result()
    finally:
        for oracle in oracles:
            oracle.close()


def _send(stream: BinaryIO | Any, value: Any) -> None:
    data = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: BinaryIO | Any) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError("the fork server ended")
    (length,) = _LENGTH.unpack(head)
    return pickle.loads(stream.read(length))


def _resolve(name: str) -> Callable[..., Any]:
    module, path = name.split(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _child(write_end: int, stage: mmap.mmap, name: str, args: tuple[Any, ...]) -> None:
    def progress(text: str) -> None:
        data = text.encode()[: _STAGE_BYTES - 1]
        stage[: len(data) + 1] = data + b"\0"

    try:
        result = _resolve(name)(*args, progress)
    except Exception:
        result = Raised(traceback.format_exc())
    with os.fdopen(write_end, "wb") as stream:
        _send(stream, result)


def _run_in_child(stage: mmap.mmap, name: str, args: tuple[Any, ...], limit_seconds: float) -> bytes:
    """Pickled result of one call, made in a forked child."""
    stage[:1] = b"\0"
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        try:
            _child(write_end, stage, name, args)
        finally:
            os._exit(0)
    os.close(write_end)
    data, deadline, timed_out = b"", time.monotonic() + limit_seconds, False
    while True:
        ready, _, _ = select.select([read_end], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            timed_out = True
            break
        chunk = os.read(read_end, 1 << 20)
        if not chunk:
            break
        data += chunk
    os.close(read_end)
    _, status = os.waitpid(pid, 0)
    if len(data) >= _LENGTH.size and not timed_out:
        return data[_LENGTH.size :]
    ended_by = 0 if timed_out else -os.waitstatus_to_exitcode(status)
    text = stage[:].split(b"\0", 1)[0].decode(errors="replace")
    return pickle.dumps(Died(ended_by, text))


def _serve() -> None:
    for module in ("metta_puffer.engine.native", "tests.parity.engines", "tests.parity.generator", "tests.parity.zoo"):
        import_module(module)
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # The published engine reports on stdout and stderr; neither may mix with the replies.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    stage = mmap.mmap(-1, _STAGE_BYTES)
    while True:
        try:
            name, args, limit_seconds = _receive(requests)
        except EOFError:
            return
        try:
            import_module(name.split(":")[0])  # once, here, rather than in every child
            data = _run_in_child(stage, name, args, limit_seconds)
        except ImportError:
            data = pickle.dumps(Raised(traceback.format_exc()))
        replies.write(_LENGTH.pack(len(data)) + data)
        replies.flush()


if __name__ == "__main__":
    # Run under the module's own name, so that pickled classes are the ones the parent knows.
    import_module("tests.parity.processes")._serve()
