"""One training iteration, stage by stage, with this configuration's numbers."""

from collections.abc import Iterator
from dataclasses import dataclass

from metta_puffer.config.differences import all_rules
from metta_puffer.config.sides import Side

Lines = tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    title: str
    puffer: Lines
    native: Lines


def _rate(value: float | None) -> str:
    return "what a metric will say" if value is None else f"{value:.4g}"


def stages(puffer: Side, native: Side) -> list[Stage]:
    rules = {rule.topic: rule for rule in all_rules(puffer, native)}
    both = (puffer, native)
    found = [
        Stage("configuration", *(_configuration(side) for side in both)),
        Stage("worlds", *(_worlds(side) for side in both)),
        Stage("rollout", *(_rollout(side) for side in both)),
        Stage("buffer", *(_buffer(side) for side in both)),
    ]
    loss = tuple(_loss_keys(side) for side in both)
    texts = {topic: (rule.puffer, rule.native) for topic, rule in rules.items()}
    advantage = tuple(
        (
            f"gamma {keys['gamma']:g}, lambda {keys['gae_lambda']:g}",
            f"computed for the whole buffer each {texts['advantage refresh'][i].replace('_', ' ')}",
            f"policy loss weighted by the {texts['actor advantage'][i]} advantage",
            f"rewards {texts['reward'][i]}; truncation: {texts['truncation'][i]}",
        )
        for i, keys in enumerate(loss)
    )
    found.append(Stage("advantage", *advantage))
    found.append(Stage("minibatches", *(_minibatches(side, texts["row sampling"][i]) for i, side in enumerate(both))))
    losses = tuple(
        (
            f"policy: ratio clipped to {1 - keys['clip_coef']:g}..{1 + keys['clip_coef']:g}",
            f"value: {texts['critic'][i]} within {keys['vf_clip_coef']:g}, weight {keys['vf_coef']:g} x 0.5",
            f"total = policy + {keys['vf_coef']:g} x value - {keys['ent_coef']:g} x entropy",
            f"KL stop: {texts['KL stop'][i]}",
        )
        for i, keys in enumerate(loss)
    )
    found.append(Stage("losses", *losses))
    found.append(Stage("update", *(_update(side, loss[i], texts["optimizer"][i]) for i, side in enumerate(both))))
    found.append(Stage("checkpoint", *(_checkpoint(side) for side in both)))
    return found


def _loss_keys(side: Side) -> dict[str, float]:
    model = side.loaded.model
    names = ("gamma", "gae_lambda", "clip_coef", "vf_clip_coef", "vf_coef", "ent_coef", "max_grad_norm")
    source = model.train if side.name == "puffer" else model.trainer.ppo
    return {name: getattr(source, name) for name in names}


def _configuration(side: Side) -> Lines:
    return (side.loaded.file, side.trainer, f"{side.value('total_timesteps'):,} agent-steps budget")


def _worlds(side: Side) -> Lines:
    workers, groups = side.value("workers"), side.value("groups")
    return (
        f"{side.value('envs'):,} worlds of {side.value('agents_per_env')} agents",
        f"{side.value('total_agents'):,} agents in all",
        f"{workers} worker{'s' * (workers != 1)}, {groups} group{'s' * (groups != 1)}"
        f" of {side.value('envs_per_forward'):,} worlds",
        f"{side.value('distinct_env_seeds'):,} distinct seeds",
    )


def _rollout(side: Side) -> Lines:
    lines = (
        f"{side.value('agents_per_forward'):,} agents in one policy forward pass",
        f"{side.value('agent_steps_collected_per_epoch'):,} agent-steps collected",
        f"{side.value('steps_per_env_per_epoch'):,.6g} env-steps in each world",
    )
    if side.allocation is not None and side.allocation.groups_behind:
        return (*lines, f"env-steps by group: {side.allocation.recvs}/{side.allocation.recvs - 1}")
    return lines


def _buffer(side: Side) -> Lines:
    return (
        f"{side.value('segments'):,} rows of {side.value('bptt_horizon')} agent-steps: "
        f"{side.value('agent_steps_trained_per_epoch'):,}",
        f"{side.value('clean_rows'):,} clean rows, {side.value('spliced_rows'):,} spliced",
        f"{side.value('agent_steps_overwritten_per_epoch'):,} agent-steps overwritten "
        f"({side.value('wasted_fraction'):.1%})",
        f"observations {side.value('observation_buffer_bytes') / 2**20:,.1f} MiB",
    )


def _minibatches(side: Side, sampling: str) -> Lines:
    return (
        f"{side.value('num_minibatches')} of {side.value('minibatch_segments'):,} rows, "
        f"{side.value('minibatch_size'):,} agent-steps each",
        f"{sampling}: {side.value('seen_fraction'):.1%} of the rows seen at least once",
    )


def _update(side: Side, keys: dict[str, float], optimizer: str) -> Lines:
    return (
        f"{side.value('gradient_updates_per_epoch')} {optimizer} steps, gradient norm clipped at "
        f"{keys['max_grad_norm']:g}",
        f"learning rate {_rate(side.value('learning_rate_first'))} to {_rate(side.value('learning_rate_last'))}",
        f"one update for {side.value('agent_steps_collected_per_gradient'):,.6g} collected agent-steps",
    )


def _checkpoint(side: Side) -> Lines:
    model = side.loaded.model
    interval = model.train.checkpoint_interval if side.name == "puffer" else model.checkpoint.checkpoint_interval
    epochs = side.value("total_epochs")
    return (
        f"every {interval} of {epochs:,} rounds: {epochs // interval:,} checkpoints and the last",
        f"{side.value('total_gradient_updates'):,} updates in all, ending at {side.value('final_agent_steps'):,} "
        "agent-steps",
    )


def as_text(found: list[Stage]) -> Iterator[str]:
    for position, stage in enumerate(found, 1):
        yield f"{position}. {stage.title}"
        for name, lines in (("puffer", stage.puffer), ("native", stage.native)):
            yield f"   {name}"
            yield from (f"     {line}" for line in lines)
