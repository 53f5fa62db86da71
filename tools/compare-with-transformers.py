"""Compares `plumbline model` with Hugging Face's libraries on random models and texts, both ways.

    pip install torch transformers && python tools/compare-with-transformers.py [--gpt2-small]

For several shapes: log-probabilities by `plumbline model score`, greedy tokens by `plumbline model generate`, and the logits
of the directory that `model import` and `model export` make of it, loaded again by `transformers`, left padding and position
ids included. With --gpt2-small also at that size. Ends with 1 when something differs by more than 1e-4.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

ROOT = Path(__file__).parent.parent
TOLERANCE = 1e-4
SHAPES = [
    dict(n_layer=1, n_head=1, n_embd=4, n_positions=8, vocab_size=300),
    dict(n_layer=2, n_head=4, n_embd=32, n_positions=33, vocab_size=311),
    dict(n_layer=4, n_head=2, n_embd=48, n_positions=64, vocab_size=512, activation_function="gelu"),
    dict(n_layer=3, n_head=8, n_embd=64, n_positions=128, vocab_size=1000, tie_word_embeddings=False),
    dict(n_layer=6, n_head=6, n_embd=96, n_positions=256, vocab_size=2000, activation_function="gelu_pytorch_tanh"),
]
GPT2_SMALL = dict(n_layer=12, n_head=12, n_embd=768, n_positions=1024, vocab_size=50257)
CORPUS = Path(__file__).read_text() + (ROOT / "README.md").read_text()


def plumbline(home: str, *arguments: str) -> dict:
    environment = {**os.environ, "PLUMBLINE_HOME": home}
    command = ["node", str(ROOT / "bin/plumbline.js"), "model", *arguments, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: {done.stderr}")
    return json.loads(done.stdout)


def save_tokenizer(path: Path, vocabulary: int) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([CORPUS], trainer)
    tokenizer.save(str(path))


@torch.no_grad()
def padded_logits(model, rows: list[list[int]]) -> list[torch.Tensor]:
    """Logits of rows of unequal length, padded on the left."""
    length = max(map(len, rows))
    tokens = torch.tensor([[0] * (length - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    logits = model(input_ids=tokens, attention_mask=mask, position_ids=positions).logits
    return [logits[i, length - len(row) :] for i, row in enumerate(rows)]


@torch.no_grad()
def compare(shape: dict, seed: int, home: str) -> float:
    torch.manual_seed(seed)
    generator = random.Random(seed)
    model = GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=0, **shape)).eval()
    if shape["n_embd"] < 768:  # livelier than fresh weights, so that every path shows
        for name, parameter in model.named_parameters():
            torch.nn.init.normal_(parameter, mean=float(".ln_" in name and name.endswith("weight")), std=0.15)
    directory = Path(home) / f"model-{seed}"
    model.save_pretrained(directory)
    save_tokenizer(directory / "tokenizer.json", min(shape["vocab_size"], 600))

    context = shape["n_positions"]
    tokens = [generator.randrange(shape["vocab_size"]) for _ in range(min(context, 300))]
    theirs = model(torch.tensor([tokens])).logits[0].log_softmax(-1)[torch.arange(len(tokens) - 1), tokens[1:]]
    ours = plumbline(home, "score", str(directory), "--tokens", ",".join(map(str, tokens)))["logprobs"]
    worst = (theirs - torch.tensor(ours)).abs().max().item()

    prompt = "the model"
    ids = AutoTokenizer.from_pretrained(directory)(prompt)["input_ids"]
    count = min(40, context - len(ids))
    greedy = model.generate(torch.tensor([ids]), max_new_tokens=count, do_sample=False, pad_token_id=0)[0, len(ids) :].tolist()
    generated = plumbline(
        home, "generate", str(directory), "--prompt", prompt, "--temperature", "0", "--max-new-tokens", str(count)
    )
    same = generated["tokens"] == greedy

    exported = Path(home) / f"exported-{seed}"
    checkpoint = plumbline(home, "import", str(directory))["checkpoint"]
    plumbline(home, "export", checkpoint, str(exported))
    again, report = AutoModelForCausalLM.from_pretrained(exported, output_loading_info=True)
    assert not any(report.values()), report
    rows = [tokens[: 1 + generator.randrange(len(tokens))] for _ in range(3)]
    for a, b in zip(padded_logits(model, rows), padded_logits(again.eval(), rows)):
        worst = max(worst, (a - b).abs().max().item())
    before, after = AutoTokenizer.from_pretrained(directory), AutoTokenizer.from_pretrained(exported)
    texts = [CORPUS, "caf\u00e9 \U0001f469\u200d\U0001f467 e\u0301\r\n\t x<|endoftext|>y", "".join(map(chr, range(256)))]
    same_tokens = all(before(text)["input_ids"] == after(text)["input_ids"] for text in texts)
    size = f"{shape['n_layer']} x {shape['n_embd']}, vocabulary {shape['vocab_size']}"
    print(f"{size}: largest difference {worst:.1e}; greedy tokens {'equal' if same else 'DIFFER'}; tokenizers {'equal' if same_tokens else 'DIFFER'}", flush=True)
    return worst if same and same_tokens else float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpt2-small", action="store_true", help="also at the size of GPT-2 small")
    shapes = SHAPES + [GPT2_SMALL] * parser.parse_args().gpt2_small
    with tempfile.TemporaryDirectory() as home:
        worst = max(compare(shape, seed, home) for seed, shape in enumerate(shapes))
    sys.exit(0 if worst < TOLERANCE else 1)


main()
