"""The published and the native engine side by side: `python -m benchmarks.engine [--repeats N] [--out FILE]`.

Every arm of a case runs in this process in turns, so that a busy machine slows all; printed is the median of the
repeats in agent-steps per second, and how many tokens an observation holds at the end of them: arms whose agents see as
much as each other's are alike. Arms:

* puffer      upstream's MettaGridPufferEnv, one world
* published   the wheel's C++ step alone, one world
* env         our MettaPufferEnv, one world
* env x64     the same with 64 worlds on one thread
* native      our engine alone, one world
* native x64  the same with 64 worlds a call on one thread
* cores       the same on all cores
* vector      64 of upstream's MettaGridPufferEnv under PufferLib Multiprocessing, a worker a core. In a case of its own
              and gone before its counterpart begins: its workers go on spinning after a step
* rows        copying one observation into every row of 256 MiB, by ordinary stores as an encoder makes them: the bound
              of an engine that writes every row in full
* fill        setting the same 256 MiB to one byte, for which the C library may bypass the caches

Cases: 3, 24 and 64 agents of `mettagrid.builder.envs.make_arena`, windows 11x11 with 200 and 13x13 with 500 tokens;
one world whose handlers, areas of effect and territory run all the time. Then 1 to 4,096 worlds of 24 agents on one
thread and on all cores, where `rows` copies into as many rows as the worlds have: few of them stay in a cache, so that
the bound falls with the number of worlds too. Last, what episodes of 1,000 env steps cost that end in every world at
another time: worlds without an end, worlds that share 8 maps, worlds with a fresh map for every episode.
"""

import argparse
import json
import platform
from functools import partial
from importlib.metadata import version
from pathlib import Path

from mettagrid.config.mettagrid_config import MettaGridConfig

from benchmarks.engine_arms import (
    CORES,
    MANY,
    MAPS,
    Arm,
    env_arm,
    fill_arm,
    native_arm,
    published_arm,
    puffer_arm,
    rows_arm,
    turnover_arm,
    vector_arm,
)
from benchmarks.engine_games import arena, busy_game
from benchmarks.engine_report import print_scaling, run_in_turns, run_one_after_the_other

THREADS = sorted({1, CORES})
WORLDS = (1, 16, 64, 256, 1024, 4096)


def compared_arms(config: MettaGridConfig) -> dict[str, Arm]:
    return {
        "puffer": puffer_arm(config),
        "published": published_arm(config),
        "env": env_arm(config, 1, 1),
        "env x64": env_arm(config, MANY, 1),
        "native": native_arm(config, 1, 1),
        "native x64": native_arm(config, MANY, 1),
        "cores": native_arm(config, MANY, CORES),
        "rows": rows_arm(config),
        "fill": fill_arm(config),
    }


def scaling_arms(config: MettaGridConfig, worlds: int) -> dict[str, Arm]:
    arms = {_threads(threads): native_arm(config, worlds, threads) for threads in THREADS}
    return arms | {"rows": rows_arm(config, worlds * config.game.num_agents)}


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of one measurement (default %(default)s)")
    parser.add_argument("--out", type=Path, help="write the measurements as JSON")
    parser.add_argument("--agents", type=int, nargs="*", default=[3, 24, 64])
    parser.add_argument("--no-scaling", action="store_true", help="leave out the cases of 1 to 4,096 worlds")
    options = parser.parse_args()
    if options.repeats < 1 or min(options.agents, default=1) < 1:
        parser.error("--repeats and --agents must be at least 1")
    if options.out and not options.out.parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.parent}")
    run = partial(run_in_turns, repeats=options.repeats, seconds=options.seconds)
    cases = []
    for window, tokens in ((11, 200), (13, 500)):
        for agents in options.agents:
            arms = compared_arms(arena(agents, window, tokens))
            cases.append(run(f"{agents} agents, {window}x{window}, {tokens} tokens", arms))
        config = arena(24, window, tokens)
        all_cores = {"vector": partial(vector_arm, config), "cores": partial(native_arm, config, MANY, CORES)}
        name = f"24 agents, {window}x{window}, {tokens} tokens, all cores"
        cases.append(run_one_after_the_other(name, all_cores, options.repeats, options.seconds))
    cases.append(run("24 agents, 13x13, 500 tokens, rules busy", compared_arms(busy_game())))
    game = arena(24, 11, 200)
    if not options.no_scaling:
        by_worlds = {}
        for worlds in WORLDS:
            by_worlds[worlds] = run(f"24 agents, 11x11, 200 tokens, worlds: {worlds:,}", scaling_arms(game, worlds))
        print_scaling(by_worlds)
        cases += by_worlds.values()
    episodes = {"no end": (0, MAPS), "8 maps": (1000, MAPS), "fresh maps": (1000, 0)}
    for threads in THREADS:
        arms = {label: turnover_arm(game, MANY, threads, *how) for label, how in episodes.items()}
        cases.append(run(f"24 agents, 11x11, 200 tokens, episodes of 1,000 env steps, {_threads(threads)}", arms))
    if options.out:
        machine = {"platform": platform.platform(), "processor": platform.machine(), "cores": CORES}
        versions = {name: version(name) for name in ("metta-puffer", "mettagrid", "pufferlib-core", "numpy")}
        options.out.write_text(json.dumps({"machine": machine, "versions": versions, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
