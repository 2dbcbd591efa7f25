"""Findings about one side's keys, worlds and course of the run."""

from collections.abc import Iterator

from metta_puffer.config.finding import Finding
from metta_puffer.config.sides import FINAL_ROLLOUTS, Side

# What pufferlib's recv() hands out, by version; an adapter written for one fails with the other.
RECV_ITEMS = {"3.0.23": 8, "3.0.0": 7}


def upstream_native(side: Side) -> bool:
    return side.name == "native" and side.version != "ours"


def serial_drops(side: Side) -> Iterator[Finding]:
    if side.name == "puffer":
        vec = side.loaded.model.vec
        dropped = vec.num_envs - side.sizes.envs if vec.backend == "Serial" else 0
        setting = f"vec.num_envs = {vec.num_envs}, vec.batch_size = {vec.batch_size}"
        fix = f"set vec.batch_size = {vec.num_envs}"
    else:
        asked = side.sizes.envs_per_forward * side.loaded.model.trainer.async_factor
        dropped, setting = asked - side.sizes.envs, "one worker selects Serial, which builds one group"
        fix = "set trainer.async_factor=1, or two workers"
    if dropped > 0:
        yield Finding(
            "serial-drops-worlds",
            "warning",
            side.name,
            "Serial builds fewer worlds than asked",
            f"{side.sizes.envs:,} built, {dropped:,} not ({setting})",
            fix,
        )


def groups_in_turn(side: Side) -> Iterator[Finding]:
    if side.value("groups") > 1:
        yield Finding(
            "async-groups",
            "note",
            side.name,
            f"{side.value('groups')} groups of worlds take turns: one steps while the policy works on another",
            f"{side.value('envs'):,} worlds, {side.value('envs_per_forward'):,} in a forward pass of "
            f"{side.value('agents_per_forward'):,} agents",
            "nothing to mend; vec.batch_size = vec.num_envs or trainer.async_factor=1 would be synchronous",
        )


def repeated_seeds(side: Side) -> Iterator[Finding]:
    if side.name == "puffer" and side.loaded.model.vec.backend == "PufferEnv":
        return
    distinct, built = side.value("distinct_env_seeds"), side.value("envs")
    if distinct < built:
        yield Finding(
            "env-seeds-repeat",
            "warning",
            side.name,
            "several worlds run on the same seed",
            f"{built:,} worlds on {side.value('workers')} workers use {distinct:,} distinct seeds",
            "derive the seed from the world's own index, as metta_puffer's environment does from seed and index",
        )


def unread_keys(side: Side) -> Iterator[Finding]:
    """Typos and dead keys one by one; what only upstream's own tools read in one note."""
    elsewhere = []
    for unread in side.loaded.unread:
        if unread.key.startswith(("defaults: ", "hyperparameter_scheduler")):
            continue  # findings of their own
        if unread.known and side.name == "native":
            elsewhere.append(unread)
            continue
        yield Finding(
            "unread-key",
            "warning" if unread.known else "error",
            side.name,
            f"nothing reads {unread.key}",
            f"{unread.key} = {unread.entry.value} in {unread.entry.source}.{unread.hint}",
            "remove it" if unread.known else "correct or remove it",
        )
    if elsewhere and side.version == "ours":
        yield Finding(
            "upstream-only-keys",
            "note",
            side.name,
            "keys of this file are for Metta's own tools and change nothing here",
            ", ".join(dict.fromkeys(unread.key.partition(".")[0] for unread in elsewhere)),
            "keep them or remove them; configs/native/metta.yaml lists every key that counts",
        )


def unresolved_defaults(side: Side) -> Iterator[Finding]:
    missing = [unread for unread in side.loaded.unread if unread.key.startswith("defaults: ")]
    if missing:
        yield Finding(
            "defaults-unresolved",
            "warning",
            side.name,
            "the file is composed of others that were not read, so keys may be missing or overridden",
            f"{', '.join(unread.key.removeprefix('defaults: ') for unread in missing)} in {missing[0].entry.source}",
            missing[0].hint.strip(),
        )


def final_rollouts(side: Side) -> Iterator[Finding]:
    collected = side.value("agent_steps_collected_per_epoch")
    if side.name == "puffer" and side.value("final_agent_steps") > side.value("total_epochs") * collected:
        yield Finding(
            "final-rollouts",
            "note",
            "puffer",
            "the stock loop ends with rollouts that count as agent-steps and train nothing",
            f"{FINAL_ROLLOUTS} x {collected:,} = {FINAL_ROLLOUTS * collected:,}; the last log says "
            f"{side.value('final_agent_steps'):,} for a budget of {side.value('total_timesteps'):,}",
            "take the score at the budget, not the last log; metta_puffer's own loop stops at the budget",
        )


def ranks(side: Side) -> Iterator[Finding]:
    count = side.value("ranks")
    if count == 1:
        return
    if side.loop == "stock":
        yield Finding(
            "budget-per-rank",
            "warning",
            "puffer",
            "every rank of PufferLib's own loop trains the whole budget",
            f"{count} ranks count {side.value('final_agent_steps'):,} agent-steps in all for a budget of "
            f"{side.value('total_timesteps'):,}; the logs show the sum",
            "divide train.total_timesteps by the ranks, or train with `puffer train`, whose ranks share it",
        )
    yield Finding(
        "sizes-per-rank",
        "note",
        side.name,
        "sizes are of one rank; worlds, collected agent-steps and the minibatch of a gradient add up over ranks",
        f"{count} ranks: {side.value('batch_size'):,} agent-steps a buffer, "
        f"{side.value('agent_steps_collected_per_epoch_all_ranks'):,} collected in all, one gradient from "
        f"{side.value('agent_steps_per_gradient_all_ranks'):,}",
        "compare what the counters of all ranks say"
        + (
            "" if side.name == "puffer" else "; trainer.scale_batches_by_world_size=true divides batch and forward pass"
        ),
    )


def last_learning_rate(side: Side) -> Iterator[Finding]:
    if side.name == "puffer" and side.loaded.model.train.anneal_lr and side.value("total_epochs") > 1:
        first, last = side.value("learning_rate_first"), side.value("learning_rate_last")
        if last == 0:
            yield Finding(
                "last-round-idle",
                "note",
                "puffer",
                "the last round trains with learning rate 0",
                f"the cosine runs over {side.value('total_timesteps') // side.value('batch_size'):,} rounds, "
                f"{side.value('total_epochs'):,} are made (learning rate {first:g} to 0)",
                f"set train.total_timesteps to a multiple of {side.value('batch_size')}, or ignore one round in many",
            )


def recv_arity(side: Side) -> Iterator[Finding]:
    if side.name != "puffer":
        return
    installed = _installed_pufferlib()
    if installed and installed in RECV_ITEMS and RECV_ITEMS[installed] != RECV_ITEMS[side.version]:
        yield Finding(
            "recv-arity",
            "error",
            "puffer",
            "the installed PufferLib hands out other tuples than the one audited",
            f"recv() returns {RECV_ITEMS[side.version]} items in {side.version} and {RECV_ITEMS[installed]} in the "
            f"installed {installed}",
            f"audit with --puffer-version {installed}, or install {side.version}",
        )


def _installed_pufferlib() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    for name in ("pufferlib-core", "pufferlib"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def agents_unstated(side: Side) -> Iterator[Finding]:
    source = side.quantities["agents_per_env"].inputs[0].source
    if side.name == "puffer" and source.startswith("not in the file"):
        yield Finding(
            "agents-unstated",
            "note",
            "puffer",
            "the file does not say how many agents a world has",
            f"{side.value('agents_per_env')} assumed, as in the published environment",
            "add env.num_agents, or give --puffer-agents N",
        )


def forward_target_missed(side: Side) -> Iterator[Finding]:
    if side.name != "native":
        return
    target = side.loaded.model.trainer.forward_pass_minibatch_target_size
    agents = side.value("agents_per_forward")
    if not 0.9 * target <= agents <= target:
        yield Finding(
            "forward-target-missed",
            "note",
            "native",
            "a forward pass holds another number of agents than wanted",
            f"{agents:,} against forward_pass_minibatch_target_size = {target:,}: {side.value('envs_per_forward'):,} "
            f"worlds of {side.value('agents_per_env')} agents in multiples of {side.value('workers')} workers",
            "set trainer.num_workers to a divisor of the worlds wanted, or raise the target",
        )


def frozen_scheduler(side: Side) -> Iterator[Finding]:
    if side.name == "native" and any(u.key.startswith("hyperparameter_scheduler") for u in side.loaded.unread):
        rate = side.value("learning_rate_first")
        yield Finding(
            "scheduler-never-called",
            "warning",
            "native",
            "the schedules in this file never run: learning rate and clips stay constant",
            f"hyperparameter_scheduler is present, learning rate {rate:g} from the first to the last epoch",
            "remove the block"
            + (", or set trainer.optimizer.learning_rate_schedule=cosine" if side.version == "ours" else ""),
        )


def checkpoint_never(side: Side) -> Iterator[Finding]:
    model = side.loaded.model
    puffer = side.name == "puffer"
    interval = model.train.checkpoint_interval if puffer else model.checkpoint.checkpoint_interval
    epochs = side.value("total_epochs")
    if interval > epochs:
        yield Finding(
            "checkpoint-after-the-end",
            "note",
            side.name,
            "no checkpoint falls inside the run; only the last one is written",
            f"every {interval} epochs of {epochs:,}",
            f"set {'train' if puffer else 'checkpoint'}.checkpoint_interval = {max(1, epochs // 10)}",
        )


def upstream_single_worker_target(side: Side) -> Iterator[Finding]:
    if upstream_native(side) and side.value("workers") > side.machine.logical_cpus // 2:
        yield Finding(
            "auto-workers-count-threads",
            "note",
            "native",
            "upstream sizes its workers by logical CPUs and PufferLib refuses by physical cores",
            f"{side.value('workers')} workers, {side.machine.physical_cores} physical cores, "
            f"{side.machine.logical_cpus} logical CPUs",
            f"set trainer.num_workers to at most {side.machine.physical_cores}",
        )
