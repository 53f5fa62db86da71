"""transformers' `generate` with its cache: one batch of sampled responses is one unit of work."""

import sys

import side

task = side.configure(sys.argv[1])

import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import GPT2Config, GPT2LMHeadModel  # noqa: E402

loaded = side.loaded_now()


def main() -> None:
    torch.set_num_threads(task["threads"])
    torch.set_flush_denormal(True)  # as our engines do
    torch.manual_seed(1)
    transformers.logging.set_verbosity_error()
    size, batch, vocabulary = task["model"], task["batch"], task["model"]["vocabulary"]
    # Made in its precision, as `from_pretrained` does: converting would hold it twice.
    torch.set_default_dtype(torch.bfloat16 if task["bf16"] else torch.float32)
    model = GPT2LMHeadModel(
        GPT2Config(
            n_layer=size["layers"],
            n_head=size["heads"],
            n_embd=size["width"],
            n_positions=size["context"],
            vocab_size=vocabulary,
            # Nothing ends a response early.
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=0,
        )
    ).eval()
    length = task["promptTokens"] + task["newTokens"]
    # The same prompts as src/generate/task.ts.
    prompts = torch.tensor(
        [
            [(row * 7919 + index * 104729 + 17) % vocabulary for index in range(task["promptTokens"])]
            for row in range(batch)
        ]
    )
    mask = torch.ones_like(prompts)

    def generate() -> dict[str, float]:
        with torch.inference_mode():
            tokens = model.generate(
                prompts,
                attention_mask=mask,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                use_cache=True,
                max_new_tokens=task["newTokens"],
            )
        if tokens.shape != (batch, length):
            raise ValueError(f"{tuple(tokens.shape)} tokens came back, not {(batch, length)}")
        return {}

    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    side.serve(task, generate, versions, loaded)


main()
