"""Maps of one game for the native engine: built once a seed."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class MapPool:
    """Maps built ahead of need, beside the stepping thread.

    `size` > 0: seeds are taken modulo `size`, every map is built once and kept, at most `size` of them. `size` 0: every
    seed has its own map, built when first asked for and forgotten once taken. Builds run one at a time on one thread
    that starts with the first; what a seed's map looks like does not depend on when it is built. A forked process has
    not inherited that thread: it builds with one of its own, from the start.
    """

    def __init__(self, build: Callable[[int], Any], size: int) -> None:
        self._build = build
        self._size = size
        self._maps: dict[int, Future[Any]] = {}
        self._builder: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    def request(self, seed: int) -> None:
        """Begins to build the map of a seed that will be taken later."""
        self._forget_what_a_fork_left_behind()
        key = self._key(seed)
        if key not in self._maps:
            if self._builder is None:
                self._builder = ThreadPoolExecutor(1, thread_name_prefix="map-builder")
            self._maps[key] = self._builder.submit(self._build, key)

    def any_ready(self) -> bool:
        """Whether `is_ready` may be true of a requested seed."""
        return bool(self._maps)

    def is_ready(self, seed: int) -> bool:
        """Whether `take` returns at once."""
        self._forget_what_a_fork_left_behind()
        future = self._maps.get(self._key(seed))
        return future is not None and future.done()

    def take(self, seed: int) -> Any:
        """The map of a seed; waits for it, and raises what building it raised."""
        self.request(seed)
        key = self._key(seed)
        future = self._maps[key] if self._size else self._maps.pop(key)
        return future.result()

    def forget(self, seed: int) -> None:
        """The map of a seed that was requested will not be taken."""
        if not self._size:
            self._maps.pop(seed, None)

    def close(self) -> None:
        self._forget_what_a_fork_left_behind()
        self._maps.clear()
        if self._builder is not None:
            self._builder.shutdown(wait=True, cancel_futures=True)
            self._builder = None

    def _forget_what_a_fork_left_behind(self) -> None:
        # Nobody would ever finish these builds, and their locks may be held by the thread that is not here.
        if self._process != os.getpid():
            self._process = os.getpid()
            self._maps.clear()
            self._builder = None

    def _key(self, seed: int) -> int:
        return seed % self._size if self._size else seed
