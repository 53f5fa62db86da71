"""What the peers that are TRL trainers share: their loop, one step of it at a time, and the models they train.

Import it after `side.configure`, because it imports torch.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable

import side
import torch
import transformers
import trl
from accelerate import __version__ as accelerate_version
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, PreTrainedTokenizerFast, Trainer, TrainerCallback

ATTENTIONS = ("sdpa", "eager")
STREAMS = {"prompt": 0, "chosen": 1, "rejected": 2}


def configure(task: dict) -> None:
    torch.set_num_threads(task["threads"])
    torch.set_flush_denormal(True)  # as TensorFlow does
    torch.manual_seed(1)
    transformers.logging.set_verbosity_error()


def settings(task: dict) -> dict:
    """Training arguments that make TRL as fast as it can be: no checkpointing of activations, no files, no tables."""
    return {
        "output_dir": tempfile.mkdtemp(prefix="plumbline-bench-trl-"),
        "use_cpu": True,
        "bf16": task["bf16"],
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "report_to": "none",
        "logging_strategy": "no",
        "save_strategy": "no",
        "eval_strategy": "no",
        "dataloader_pin_memory": False,
    }


def bench_rows(stream: str, rows: int, length: int, vocabulary: int) -> list[list[int]]:
    """The same arbitrary tokens as benchRows in src/rlhf/task.ts."""
    first = STREAMS[stream] << 20
    return [[1 + mix(first + row * length + i) % (vocabulary - 1) for i in range(length)] for row in range(rows)]


def mix(counter: int) -> int:
    """The finaliser of MurmurHash3."""
    value = counter + 1
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return value ^ (value >> 16)


def tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """One word a token; padding is a token of its own behind the vocabulary, so that no model writes it."""
    words = {f"t{token}": token for token in range(vocabulary)} | {"<pad>": vocabulary}
    level = Tokenizer(models.WordLevel(words, unk_token="t0"))
    level.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=level, pad_token="<pad>", eos_token="<pad>")


def gpt2(make: type, size: dict, weights_file: str, dtype: torch.dtype):
    """A model of transformers with the weights of our first checkpoint; a head that is not in it stays random."""
    model = make(
        GPT2Config(
            n_layer=size["layers"],
            n_head=size["heads"],
            n_embd=size["width"],
            n_positions=size["context"],
            vocab_size=size["vocabulary"],
            num_labels=1,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=None,
            # None of the product's steps has dropout here; TRL turns it off too.
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    )
    theirs = model.state_dict()
    for name, value in load_file(weights_file).items():
        if name.startswith("score."):
            if name in theirs:
                theirs[name].copy_(value)
        else:
            theirs[f"transformer.{name}"].copy_(value)
    return model.to(dtype)


def versions() -> dict[str, str]:
    return {
        "trl": trl.__version__,
        "trl's torch": torch.__version__,
        "trl's transformers": transformers.__version__,
        "accelerate": accelerate_version,
    }


class Turns(TrainerCallback):
    """Lets the trainer do one step whenever it is asked to; `measured` tells what the step was."""

    def __init__(self, measured: Callable[[], dict[str, float]]) -> None:
        self.measured = measured
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.error: Exception | None = None

    def on_train_begin(self, args, state, control, **kwargs) -> None:
        self.go.acquire()

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self.done.release()
        self.go.acquire()

    def unit(self) -> dict[str, float]:
        self.go.release()
        self.done.acquire()
        if self.error:
            raise self.error
        return self.measured()


def serve(
    task: dict,
    trainer: Trainer,
    transformers_models: list,
    loaded: tuple[float, int],
    measured: Callable[[], dict[str, float]],
) -> None:
    """Trains in this thread; another answers the bench. Ends the process."""
    turns = Turns(measured)
    trainer.add_callback(turns)
    remarks: list[str] = []

    def faster_attention() -> str:
        """The attention whose step is the shortest, after one step to get used to it."""
        seconds = {}
        for attention in ATTENTIONS:
            for model in transformers_models:
                model.set_attn_implementation(attention)
            turns.unit()
            seconds[attention] = min(timed(turns.unit) for _ in range(task["triedUnits"]))
        best = min(seconds, key=seconds.__getitem__)
        for model in transformers_models:
            model.set_attn_implementation(best)
        return best

    first = True

    def unit() -> dict[str, float]:
        nonlocal first
        if not first:
            return turns.unit()
        first = False
        values = turns.unit()
        if task["triedUnits"] > 0:
            remarks.append(f"{faster_attention()} attention is the faster one here")
        return values

    def answer() -> None:
        try:
            side.serve(task, unit, versions(), loaded, remarks)
        finally:
            os._exit(0)  # the trainer waits for ever

    threading.Thread(target=answer).start()
    try:
        trainer.train()
        raise RuntimeError("the trainer came to its end")
    except Exception as error:  # the other thread says it
        turns.error = error
        turns.done.release()


def timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
