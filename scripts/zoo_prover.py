"""Makes random models of many shapes and asks transformers of them, for `cargo test` to compare with.

usage: python scripts/zoo_prover.py [SEED]        (writes target/zoo, needs scripts/bench-requirements.txt)
then:  cargo nextest run -p oml-engine zoo
"""

import json
import random
import shutil
import sys
from pathlib import Path

import torch
import transformers

OUT = Path(__file__).resolve().parent.parent / "target/zoo"
COUNT = 90
CLASSES = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3", "phi3": "Phi3", "gemma2": "Gemma2",
           "gemma3": "Gemma3", "olmo2": "Olmo2", "smollm3": "SmolLM3"}


def rope(draw, pairs):
    """Rotary settings, and what stands beside them."""
    factor = draw.choice([2.0, 4.0, 8.0])
    lists = dict(short_factor=[1.0 + 0.3 * i for i in range(pairs)], long_factor=[1.0 + 2 * i for i in range(pairs)])
    original = dict(original_max_position_embeddings=32)
    return draw.choice([
        (None, {}),
        (dict(rope_type="linear", factor=factor), {}),
        (dict(rope_type="dynamic", factor=factor), {}),
        (dict(rope_type="llama3", factor=factor, low_freq_factor=1.0, high_freq_factor=4.0) | original, {}),
        (dict(rope_type="yarn", factor=factor) | original, {}),
        (dict(rope_type="yarn", factor=factor, mscale=1.0, mscale_all_dim=0.7, beta_fast=16, beta_slow=2, truncate=False) | original, {}),
        (dict(rope_type="longrope", factor=factor) | lists, {}),
        (dict(rope_type="longrope") | lists, original),
    ])


def settings(draw, family):
    """A configuration that transformers takes."""
    heads, layers, width = draw.choice([4, 6]), draw.choice([2, 3, 5]), draw.choice([8, 16])
    keys = draw.choice([n for n in (1, 2, heads) if heads % n == 0])
    yes = lambda: draw.choice([True, False])
    c = dict(hidden_size=8 * heads, intermediate_size=40, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=keys,
             vocab_size=96, max_position_embeddings=64, bos_token_id=0, eos_token_id=1, pad_token_id=None, attn_implementation="eager",
             rope_theta=draw.choice([10000.0, 500000.0, 100.0]), rms_norm_eps=draw.choice([1e-6, 1e-5, 1e-3]), tie_word_embeddings=yes())
    if family in ("llama", "mistral", "qwen3", "gemma2", "gemma3", "smollm3"):
        c["head_dim"] = width
    rotated = c.get("head_dim", 8)
    if family == "phi3" and yes():
        c["partial_rotary_factor"], rotated = 0.5, rotated // 2
    scaling, beside = rope(draw, rotated // 2)
    if family == "phi3":
        kept = scaling if scaling and scaling["rope_type"] == "longrope" else None
        scaling = kept and {"type": "longrope"} | {k: v for k, v in kept.items() if k.endswith("_factor")}
        beside = dict(original_max_position_embeddings=32)
    if family == "olmo2":
        scaling = draw.choice([None, dict(type="linear", factor=4.0), dict(type="dynamic", factor=4.0)])
        beside = {}
    c |= dict(rope_scaling=scaling) | beside
    if family in ("llama", "qwen3", "gemma2", "gemma3", "olmo2", "smollm3"):
        c["attention_bias"] = yes()
    if family in ("llama", "smollm3"):
        c["mlp_bias"] = yes()
    if family in ("mistral", "phi3"):
        c["sliding_window"] = draw.choice([None, 3, 7])
    if family in ("gemma2", "gemma3"):
        c |= dict(sliding_window=draw.choice([3, 6]), query_pre_attn_scalar=draw.choice([8, 17]),
                  attn_logit_softcapping=draw.choice([None, 5.0]), final_logit_softcapping=draw.choice([None, 7.0]))
    if family == "gemma3":
        c |= dict(sliding_window_pattern=draw.choice([2, 3, 6]), rope_local_base_freq=draw.choice([10000.0, 50.0]))
    if family in ("qwen2", "qwen3"):
        c |= dict(use_sliding_window=yes(), sliding_window=4, max_window_layers=draw.choice([1, 28]))
    if family == "smollm3":
        c |= dict(no_rope_layer_interval=draw.choice([2, 3, 4]), use_sliding_window=yes(), sliding_window=draw.choice([None, 5]))
    if family in ("llama", "qwen3") and draw.random() < 0.2:
        c["hidden_act"] = "gelu_new"
    return c


@torch.inference_mode()
def model(draw, index):
    """One model, with what transformers says after some prompts."""
    family = draw.choice(list(CLASSES))
    c = settings(draw, family)
    config = getattr(transformers, CLASSES[family] + ("TextConfig" if family == "gemma3" else "Config"))(**c)
    torch.manual_seed(index)
    made = getattr(transformers, CLASSES[family] + "ForCausalLM")(config).eval()
    for parameter in made.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))
    directory = OUT / f"{index:03}-{family}"
    made.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    prompts = [[draw.randrange(2, 96) for _ in range(n)] for n in (12, 5, 9)]
    logits = [made(torch.tensor([p])).logits[0, -1].tolist() for p in prompts]
    asked = {"prompts": prompts, "logits": logits, "greedy": [greedy(made, p) for p in prompts], "settings": str(c)}
    (directory / "asked.json").write_text(json.dumps(asked))


def greedy(made, prompt):
    """The most likely continuation without tokens of control."""
    tokens = list(prompt)
    for _ in range(8):
        logits = made(torch.tensor([tokens])).logits[0, -1].clone()
        logits[:2] = -torch.inf
        tokens.append(logits.argmax().item())
    return tokens[len(prompt):]


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    shutil.rmtree(OUT, ignore_errors=True)
    draw = random.Random(int(sys.argv[1]) if sys.argv[1:] else 0)
    for index in range(COUNT):
        model(draw, index)
