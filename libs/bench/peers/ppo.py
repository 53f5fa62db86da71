"""TRL's PPO: one iteration — rollout, scores, every epoch's updates — is one unit of work."""

import sys

import side

task = side.configure(sys.argv[1])

import torch  # noqa: E402
import trl_loop  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import GPT2ForSequenceClassification, GPT2LMHeadModel  # noqa: E402
from transformers.trainer_callback import PrinterCallback  # noqa: E402
from trl.experimental.ppo import PPOConfig, PPOTrainer, ppo_trainer  # noqa: E402

loaded = side.loaded_now()

# More than any bench does.
ITERATIONS = 100_000
PROMPTS = 512


def main() -> None:
    trl_loop.configure(task)
    size, batch, new_tokens = task["model"], task["batch"], task["newTokens"]
    dtype = torch.bfloat16 if task["bf16Weights"] else torch.float32
    # Models that are not trained may be bf16 where the policy's forward is.
    frozen = torch.bfloat16 if task["bf16"] or task["bf16Weights"] else torch.float32
    weights = task["weightsFile"]
    policy = trl_loop.gpt2(GPT2LMHeadModel, size, weights, dtype)
    reference = trl_loop.gpt2(GPT2LMHeadModel, size, weights, frozen)
    value = trl_loop.gpt2(GPT2ForSequenceClassification, size, weights, dtype)
    reward = trl_loop.gpt2(GPT2ForSequenceClassification, size, weights, frozen)

    prompts = Dataset.from_dict(
        {"input_ids": trl_loop.bench_rows("prompt", PROMPTS, task["promptTokens"], size["vocabulary"])}
    )
    generated = 0
    batch_generation = ppo_trainer.batch_generation

    def counted(*arguments, **named):
        """Every response must have all its tokens."""
        nonlocal generated
        tokens, logits = batch_generation(*arguments, **named)
        generated = tokens.shape[0] * (tokens.shape[1] - task["promptTokens"])
        if tokens.shape[0] != batch or generated != batch * new_tokens:
            raise ValueError(f"{tuple(tokens.shape)} tokens, not {batch} prompts with {new_tokens} more")
        return tokens, logits

    ppo_trainer.batch_generation = counted
    trainer = PPOTrainer(
        args=PPOConfig(
            **trl_loop.settings(task),
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=1,
            num_mini_batches=1,
            num_ppo_epochs=task["epochs"],
            total_episodes=ITERATIONS * batch,
            local_rollout_forward_batch_size=batch,
            num_sample_generations=0,
            response_length=new_tokens,
            temperature=task["temperature"],
            learning_rate=task["learningRate"],
            kl_coef=task["klCoefficient"],
        ),
        processing_class=trl_loop.tokenizer(size["vocabulary"]),
        model=policy,
        ref_model=reference,
        reward_model=reward,
        value_model=value,
        train_dataset=prompts,
        eval_dataset=prompts,  # wanted in any case, never used
    )
    trainer.remove_callback(PrinterCallback)

    def measured() -> dict[str, float]:
        metrics = trainer.state.log_history[-1]
        trainer.state.log_history.clear()
        return {"tokens": generated, "entropy": metrics["objective/entropy"], "kl": metrics["objective/kl"]}

    trl_loop.serve(task, trainer, [policy, reference, value, reward], loaded, measured)


main()
