"""TRL's RewardTrainer: one update on a batch of pairs is one unit of work."""

import sys

import side

task = side.configure(sys.argv[1])

import torch  # noqa: E402
import trl_loop  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import GPT2ForSequenceClassification  # noqa: E402
from transformers.trainer_callback import PrinterCallback  # noqa: E402
from trl import RewardConfig, RewardTrainer  # noqa: E402

loaded = side.loaded_now()

# More than any bench does.
UPDATES = 1_000_000


class Recording(RewardTrainer):
    """Keeps the loss, which the trainer itself tells only when it logs."""

    def compute_loss(self, *arguments, **named):
        loss = super().compute_loss(*arguments, **named)
        self.loss = (loss[0] if isinstance(loss, tuple) else loss).detach()
        return loss


@torch.no_grad()
def normalise(model: GPT2ForSequenceClassification, sequences: torch.Tensor) -> None:
    """Scores of variance 1 before the first update, as ours has them; a bias changes no difference."""
    scores = model.score(model.transformer(sequences).last_hidden_state[:, -1])
    model.score.weight /= scores.float().std(correction=0)


def main() -> None:
    trl_loop.configure(task)
    size, batch = task["model"], task["batch"]
    dtype = torch.bfloat16 if task["bf16Weights"] else torch.float32
    model = trl_loop.gpt2(GPT2ForSequenceClassification, size, task["weightsFile"], dtype)

    def rows(stream: str, length: int) -> list[list[int]]:
        return trl_loop.bench_rows(stream, batch, length, size["vocabulary"])

    prompts = rows("prompt", task["promptTokens"])
    # As many as an update takes, so that each one sees all of them.
    pairs = {
        column: [prompt + response for prompt, response in zip(prompts, rows(stream, task["newTokens"]))]
        for column, stream in (("chosen_ids", "chosen"), ("rejected_ids", "rejected"))
    }
    normalise(model, torch.tensor(pairs["chosen_ids"] + pairs["rejected_ids"]))
    trainer = Recording(
        model=model,
        args=RewardConfig(
            **trl_loop.settings(task),
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=1,
            max_steps=UPDATES,
            max_grad_norm=1.0,
            learning_rate=task["learningRate"],
            max_length=None,
        ),
        processing_class=trl_loop.tokenizer(size["vocabulary"]),
        train_dataset=Dataset.from_dict(pairs),
    )
    trainer.remove_callback(PrinterCallback)

    def measured() -> dict[str, float]:
        if not torch.isfinite(trainer.loss):
            raise FloatingPointError(f"loss {trainer.loss.item()}")
        return {"loss": trainer.loss.item()}

    trl_loop.serve(task, trainer, [model], loaded, measured)


main()
