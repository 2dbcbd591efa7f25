"""The quick start of Metta's library documentation on metta-puffer: the same calls, only the imports are other ones.

Where that document leaves something out (the buffer, the counters, the arguments of the update) this file fills it in.
Run it with `python examples/api_quickstart.py`; smaller sizes finish sooner: `--total-timesteps 65536`.
"""

import argparse
from typing import Any

import torch

from metta_puffer.api import (
    Agent,
    DictConfig,
    Environment,
    Experience,
    Kickstarter,
    Losses,
    Optimizer,
    PolicyStore,
    Stopwatch,
    TrainerConfig,
    accumulate_rollout_stats,
    calculate_anneal_beta,
    compute_advantage,
    perform_rollout_step,
    process_minibatch_update,
    save_experiment_config,
    setup_run_directories,
)


def main(
    total_timesteps: int = 10_000_000, batch_size: int = 16384, minibatch_size: int = 512, bptt_horizon: int = 16
) -> str:
    """Trains, prints a line for each epoch, and gives the folder of the run. Counts are in agent-steps."""
    # Set up directories
    dirs = setup_run_directories()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    # Create environment and agent
    env = Environment(num_agents=4, width=32, height=32, device=str(device))
    agent = Agent(env, device=str(device))

    # Create trainer config
    trainer_config = TrainerConfig(
        total_timesteps=total_timesteps,
        batch_size=batch_size,
        minibatch_size=minibatch_size,
    )

    # Save experiment config
    save_experiment_config(dirs, device, trainer_config)

    # Create policy store
    policy_store = PolicyStore(
        DictConfig(
            {
                "device": str(device),
                "policy_cache_size": 10,
                "trainer": {
                    "checkpoint": {
                        "checkpoint_dir": dirs.checkpoint_dir,
                    }
                },
            }
        ),
        wandb_run=None,
    )

    # Create optimizer
    optimizer = Optimizer(
        optimizer_type="adam",
        policy=agent,
        learning_rate=3e-4,
    )

    # What the document describes further down, or leaves to the reader
    experience = Experience(
        total_agents=env.num_agents,
        batch_size=batch_size,
        bptt_horizon=bptt_horizon,
        minibatch_size=minibatch_size,
        obs_space=env.single_observation_space,
        atn_space=env.single_action_space,
        device=device,
        hidden_size=512,
        num_lstm_layers=1,
    )
    kickstarter, losses, timer = Kickstarter(), Losses(), Stopwatch()
    agent_step = epoch = 0

    # Training loop
    while agent_step < trainer_config.total_timesteps:
        # Rollout phase
        raw_infos: list[dict[str, Any]] = []
        while not experience.ready_for_training:
            num_steps, info = perform_rollout_step(agent, env, experience, device, timer)
            agent_step += num_steps
            raw_infos.extend(info)
        stats: dict[str, list[float]] = {}
        accumulate_rollout_stats(raw_infos, stats)

        # Advantages of the whole buffer
        advantages = torch.zeros(experience.values.shape, device=device)
        initial_importance_sampling_ratio = torch.ones_like(experience.values)
        advantages = compute_advantage(
            experience.values,
            experience.rewards,
            experience.dones,
            initial_importance_sampling_ratio,
            advantages,
            trainer_config.ppo.gamma,
            trainer_config.ppo.gae_lambda,
            trainer_config.vtrace.vtrace_rho_clip,
            trainer_config.vtrace.vtrace_c_clip,
            device,
        )
        prioritized = trainer_config.prioritized_experience_replay
        beta = calculate_anneal_beta(
            epoch=epoch,
            total_timesteps=trainer_config.total_timesteps,
            batch_size=batch_size,
            prio_alpha=prioritized.prio_alpha,
            prio_beta0=prioritized.prio_beta0,
        )

        # Training phase
        losses.zero()
        for _ in range(trainer_config.update_epochs):
            for minibatch in experience.iter_minibatches(advantages, beta):
                loss = process_minibatch_update(
                    policy=agent,
                    experience=experience,
                    minibatch=minibatch,
                    advantages=advantages,
                    trainer_cfg=trainer_config,
                    kickstarter=kickstarter,
                    agent_step=agent_step,
                    losses=losses,
                    device=device,
                )
                optimizer.step(loss, epoch, experience.accumulate_minibatches)
        epoch += 1
        returns = stats.get("episode_return", [])
        score = f"{sum(returns) / len(returns):.3f}" if returns else "no episode ended"
        print(f"{agent_step:,} agent-steps: return {score}, policy loss {losses.stats()['policy_loss']:.4f}")

    # Save through the policy store, and load again
    policy_record = policy_store.create_empty_policy_record(policy_store.make_model_name(epoch))
    policy_record.metadata = {"agent_step": agent_step, "epoch": epoch}
    policy_record.policy = agent
    saved_record = policy_store.save(policy_record)
    loaded_record = policy_store.policy_record(f"{dirs.run_dir}:latest")
    print(f"saved {saved_record.uri}; metta-native eval {dirs.run_dir} plays it; metadata {loaded_record.metadata}")
    env.close()
    return dirs.run_dir


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--total-timesteps", type=int, default=10_000_000, help="agent-steps to train for")
    main(parser.parse_args().total_timesteps)
