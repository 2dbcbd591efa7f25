"""Quantities of a whole run: all ranks together, epochs, gradient updates, and the learning rate from end to end."""

from metta_puffer.config import arithmetic as a
from metta_puffer.config.native_model import Trainer
from metta_puffer.config.plan import SchedulePlan
from metta_puffer.config.puffer_model import Train
from metta_puffer.config.quantities import Quantities
from metta_puffer.config.sizes import Sizes

# What adds up over ranks. Epochs and gradient updates do not: every rank makes the same ones.
ADDED_OVER_RANKS = (
    "envs",
    "total_agents",
    "agent_steps_collected_per_epoch",
    "agent_steps_trained_per_epoch",
    "agent_steps_per_gradient",
    "env_steps_per_epoch",
)
COLLECTED = "agent_steps_collected_per_epoch"


def derive_ranks(q: Quantities, sizes: Sizes, rank_seeds: int) -> None:
    """`rank_seeds`: how many different seeds the ranks' worlds start counting from; 0 where worlds share none."""
    why = "processes that train one policy; every size is of one of them unless its name says all_ranks"
    q.given("ranks", sizes.ranks, "processes", "ranks", why)
    if sizes.ranks == 1:
        return
    for name in ADDED_OVER_RANKS:
        value = a.all_ranks(q[name].value, sizes.ranks)
        q.derived(f"{name}_all_ranks", value, q[name].unit, f"ranks * {name}", "ranks", name)
    if rank_seeds == 0:
        seeds, formula = a.all_ranks(q["distinct_env_seeds"].value, sizes.ranks), "ranks * distinct_env_seeds"
    else:
        seeds, formula = q["distinct_env_seeds"].value + rank_seeds - 1, "distinct_env_seeds + rank_seeds - 1"
    others = {"rank_seeds": (rank_seeds, "first seeds of the ranks")} if rank_seeds else {}
    names = ("distinct_env_seeds",) if rank_seeds else ("distinct_env_seeds", "ranks")
    q.derived("distinct_env_seeds_all_ranks", seeds, "seeds", formula, *names, **others)


def derive_budget(q: Quantities, sizes: Sizes, *, final_rollouts: int | None, budget_for_each_rank: bool) -> None:
    """`final_rollouts` None: the trainer has none. `budget_for_each_rank`: ranks do not share the budget."""
    collected = COLLECTED if sizes.ranks == 1 else f"{COLLECTED}_all_ranks"
    counted = COLLECTED if budget_for_each_rank else collected
    epochs = a.total_epochs(sizes.total_timesteps, q[counted].value)
    q.derived("total_epochs", epochs, "rounds", f"ceil(total_timesteps / {counted})", "total_timesteps", counted)
    q.derived(
        "total_gradient_updates",
        a.total_gradient_updates(epochs, q["gradient_updates_per_epoch"].value),
        "optimizer steps",
        "total_epochs * gradient_updates_per_epoch",
        "total_epochs",
        "gradient_updates_per_epoch",
    )
    stock = {"final_rollouts": (final_rollouts, "rollouts without an update at the end of PuffeRL's stock train()")}
    q.derived(
        "final_agent_steps",
        a.final_agent_steps(epochs, q[collected].value, final_rollouts or 0),
        "agent-steps",
        f"total_epochs * {collected}" if final_rollouts is None else f"(total_epochs + final_rollouts) * {collected}",
        "total_epochs",
        collected,
        **({} if final_rollouts is None else stock),
    )


def derive_puffer_rates(q: Quantities, sizes: Sizes, train: Train, *, budget_for_each_rank: bool) -> None:
    """After `derive_budget`."""
    q.given("learning_rate_first", train.learning_rate, "per update", "train.learning_rate")
    if not train.anneal_lr:
        q.given("learning_rate_last", train.learning_rate, "per update", "train.learning_rate")
        return
    budget = sizes.total_timesteps if budget_for_each_rank else a.budget_of_rank(sizes.total_timesteps, sizes.ranks)
    epochs = max(1, budget // sizes.batch_size)
    q.derived(
        "learning_rate_last",
        a.cosine_learning_rate(train.learning_rate, q["total_epochs"].value - 1, epochs),
        "per update",
        "learning_rate_first * (1 + cos(pi * (total_epochs - 1) / annealed_epochs)) / 2",
        "learning_rate_first",
        "total_epochs",
        annealed_epochs=(epochs, "budget of a rank // batch_size"),
    )


def derive_native_rates(q: Quantities, sizes: Sizes, trainer: Trainer, *, ours: bool) -> None:
    """After `derive_budget`. Upstream's 2025-07 and 2026-01 trainers keep the rate; ours may schedule it twice over."""
    last_epoch = q["total_epochs"].value - 1
    collected = a.all_ranks(sizes.collected, sizes.ranks)
    own = [s for s in trainer.schedules if s.key == "optimizer.learning_rate"] if ours else []
    cosine = ours and trainer.optimizer.learning_rate_schedule == "cosine"
    for name, epoch in (("learning_rate_first", 0), ("learning_rate_last", last_epoch)):
        schedule, share = _in_force(own, epoch * collected, trainer.total_timesteps)
        if schedule is None and not (cosine and epoch):
            q.given(name, trainer.optimizer.learning_rate, "per update", "trainer.optimizer.learning_rate")
            continue
        if schedule is not None and share is None:
            why = f"follows {schedule.metric} from {schedule.start:g} to {schedule.end:g}: not known beforehand"
            q.given(name, None, "per update", "trainer.schedules", why)
            continue
        _scheduled_rate(q, name, trainer.optimizer.learning_rate, (schedule, share), epoch if cosine else None)


def _in_force(schedules: list[SchedulePlan], agent_steps: int, budget: int) -> tuple[SchedulePlan | None, float | None]:
    """The schedule that decides at this moment, the last of several, and its share; None for one of a metric."""
    found: tuple[SchedulePlan | None, float | None] = (None, None)
    for schedule in schedules:
        if schedule.kind == "metric":
            if agent_steps:  # before the first epoch no metric is known, and the configured rate holds
                found = schedule, None
            continue
        end = budget if schedule.end_agent_steps is None else schedule.end_agent_steps
        share = a.schedule_share(
            schedule.kind, agent_steps, schedule.begin_agent_steps, end, schedule.period_agent_steps
        )
        if share is not None:
            found = schedule, share
    return found


def _scheduled_rate(
    q: Quantities,
    name: str,
    configured: float,
    in_force: tuple[SchedulePlan | None, float | None],
    annealed_epoch: int | None,
) -> None:
    """`annealed_epoch`: the epoch of the cosine over the run that comes on top; None without one."""
    schedule, share = in_force
    others: dict[str, tuple[float, str]] = {}
    if schedule is None:
        rate, formula = configured, "configured_rate"
        others["configured_rate"] = (configured, "trainer.optimizer.learning_rate")
    else:
        assert share is not None
        rate, formula = schedule.start + share * (schedule.end - schedule.start), "start + share * (end - start)"
        others["start"] = (schedule.start, f"{schedule.kind} schedule in trainer.schedules")
        others["end"] = (schedule.end, "its end")
        others["share"] = (share, "how far it has come when the epoch begins")
    epochs = q["total_epochs"].value
    if annealed_epoch is not None:
        rate = a.cosine_learning_rate(rate, annealed_epoch, epochs)
        formula = f"({formula}) * (1 + cos(pi * epoch / total_epochs)) / 2"
        others["epoch"] = (annealed_epoch, "epochs before this one")
        q.derived(name, rate, "per update", formula, "total_epochs", **others)
    else:
        q.derived(name, rate, "per update", formula, **others)
