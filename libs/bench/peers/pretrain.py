"""PyTorch eager: one update of GPT-2 pretraining is one unit of work.

The model is written as a careful PyTorch user would: fused AdamW, no Python loop over parameters, and of fused and
written-out attention the one that is faster here, found by trying both before the first update (or fused attention
alone, which needs less memory).
B batch, T time, D width, H heads, V vocabulary.
"""

import sys
import time
from collections.abc import Callable

import side

task = side.configure(sys.argv[1])

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

loaded = side.loaded_now()

BATCHES = 8


def fused_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def written_out_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    scores = torch.add(bias, q @ k.transpose(-1, -2), alpha=q.shape[-1] ** -0.5)
    return torch.softmax(scores, -1) @ v


class Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attend = fused_attention
        self.ln_1 = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.attention_projection = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 4 * width)
        self.inner_projection = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        B, T, D = x.shape
        q, k, v = self.attention(self.ln_1(x)).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        mixed = self.attend(q, k, v, bias)
        x = x + self.attention_projection(mixed.transpose(1, 2).reshape(B, T, D))
        return x + self.inner_projection(F.gelu(self.inner(self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self, layers: int, heads: int, width: int, context: int, vocabulary: int):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        # Hides from each token those after it, [T, T].
        self.register_buffer("bias", torch.full((context, context), float("-inf")).triu(1), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            residual = name.endswith("projection.weight")
            nn.init.normal_(parameter, std=0.02 / (2 * layers) ** 0.5 if residual else 0.02)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        x = self.tokens(inputs) + self.positions.weight[: inputs.shape[1]]
        for block in self.blocks:
            x = block(x, self.bias)
        return F.linear(self.ln_f(x), self.tokens.weight)  # [B, T, V]


def faster_attention(model: GPT2, gradients: Callable[[], object]) -> str:
    """Leaves the model with the attention that makes `gradients` faster; no weight changes."""
    seconds = {}
    for attention in (fused_attention, written_out_attention):
        for block in model.blocks:
            block.attend = attention
        gradients()
        seconds[attention] = min(timed(gradients) for _ in range(3))
    best = min(seconds, key=seconds.__getitem__)
    for block in model.blocks:
        block.attend = best
    return best.__name__.replace("_", " ")


def timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def load_weights(model: GPT2, path: str) -> None:
    """Weights in Hugging Face's layout, where dense ones are stored [in, out]."""
    from safetensors.torch import load_file

    theirs = {
        "wte": "tokens",
        "wpe": "positions",
        "h": "blocks",
        "attn.c_attn": "attention",
        "attn.c_proj": "attention_projection",
        "mlp.c_fc": "inner",
        "mlp.c_proj": "inner_projection",
    }
    dense = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    state = {}
    for name, value in load_file(path).items():
        ours = name
        for prefix, replacement in theirs.items():
            ours = ours.replace(f"{prefix}.", f"{replacement}.", 1) if f".{prefix}." in f".{ours}" else ours
        state[ours] = value.T.contiguous() if name.endswith(dense) else value
    model.load_state_dict(state)


def bench_tokens(size: dict, batch: int, index: int) -> torch.Tensor:
    """The same arbitrary tokens as benchTokens in src/pretrain/task.ts, [B, T + 1]."""
    length = size["context"] + 1
    first = index * batch * length
    tokens = [mix(first + i) % size["vocabulary"] for i in range(batch * length)]
    return torch.tensor(tokens).view(batch, length)


def mix(counter: int) -> int:
    """The finaliser of MurmurHash3."""
    value = counter + 1
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return value ^ (value >> 16)


def main() -> None:
    torch.set_num_threads(task["threads"])
    torch.set_flush_denormal(True)  # as TensorFlow does
    torch.manual_seed(1)
    size, batch = task["model"], task["batch"]
    model = GPT2(size["layers"], size["heads"], size["width"], size["context"], size["vocabulary"])
    if "weightsFile" in task:
        load_weights(model, task["weightsFile"])
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=1e-3,
        betas=(0.9, 0.95),
        fused=True,
    )
    windows = [bench_tokens(size, batch, index) for index in range(BATCHES)]
    done = 0

    def gradients(window: torch.Tensor) -> torch.Tensor:
        inputs, targets = window[:, :-1], window[:, 1:]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=task["bf16"]):
            logits = model(inputs)
            loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return loss

    attention = faster_attention(model, lambda: gradients(windows[0])) if task["fasterAttention"] else None

    def update() -> dict[str, float]:
        nonlocal done
        window = windows[done % len(windows)]
        done += 1
        loss = gradients(window)
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            raise FloatingPointError(f"update {done}: loss {loss.item()}, gradient norm {norm.item()}")
        return {"loss": loss.item()}

    remarks = (f"{attention} is the faster one here",) if attention else ()
    side.serve(task, update, {"torch": torch.__version__}, loaded, remarks)


main()
