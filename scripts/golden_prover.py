"""Writes what transformers says of small models, for `cargo test` to compare with; needs scripts/bench-requirements.txt.

usage: python scripts/golden_prover.py [FAMILY ..]    (writes prover/engine/tests/golden)
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (AutoModelForCausalLM, AutoTokenizer, Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM,
                          MistralConfig, MistralForCausalLM, Olmo2Config, Olmo2ForCausalLM, Phi3Config, Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM, SmolLM3Config, SmolLM3ForCausalLM)

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "prover/engine/tests/golden"
TINY = ROOT / "prover/assets/models/tiny"
SHAPE = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             vocab_size=128, max_position_embeddings=64, bos_token_id=0, eos_token_id=1, pad_token_id=None, attn_implementation="eager")
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
LONGROPE = dict(rope_type="longrope", factor=2.0, short_factor=[1.0, 1.5, 2.0, 4.0], long_factor=[1.0, 2.0, 8.0, 64.0],
                original_max_position_embeddings=32)
FAMILIES = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True)),
    "llama3": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, rope_theta=500000.0, rope_scaling=LLAMA3)),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**SHAPE, head_dim=8, sliding_window=6)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SHAPE)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=16)),
    "phi3": lambda: Phi3ForCausalLM(Phi3Config(**SHAPE, sliding_window=7)),
    "gemma2": lambda: Gemma2ForCausalLM(Gemma2Config(**SHAPE, head_dim=16, query_pre_attn_scalar=24, sliding_window=5,
                                                     attn_logit_softcapping=20.0, final_logit_softcapping=10.0)),
    "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**SHAPE, head_dim=16, query_pre_attn_scalar=24, sliding_window=5,
                                                         sliding_window_pattern=2, rope_scaling=dict(rope_type="linear", factor=8.0))),
    "olmo2": lambda: Olmo2ForCausalLM(Olmo2Config(**SHAPE)),
    "smollm3": lambda: SmolLM3ForCausalLM(SmolLM3Config(**SHAPE, no_rope_layer_interval=2)),
    "longrope": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, rope_scaling=LONGROPE)),
}
PROMPTS = [[0, 5, 17, 99, 3, 64, 21, 8, 120, 77, 41, 2], [0, 44], [0, 9, 9, 9, 101, 55, 12]]


@torch.inference_mode()
def family(name, make):
    """Random weights in half precision, and the logits after each prompt in f32."""
    torch.manual_seed(5)
    model = make().eval()
    for parameter in model.parameters():
        parameter.copy_((parameter + 0.3 * torch.randn_like(parameter)).half().float())
    directory = OUT / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    tensors = {k: v.half().contiguous() for k, v in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    save_file(tensors, directory / "model.safetensors")
    config = model.config.to_dict()
    for key in ("transformers_version", "dtype", "_attn_implementation_autoset"):
        config.pop(key, None)
    (directory / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    logits = [[round(x, 5) for x in model(torch.tensor([p])).logits[0, -1].tolist()] for p in PROMPTS]
    (directory / "logits.json").write_text(json.dumps({"prompts": PROMPTS, "logits": logits, "greedy": [greedy(model, p) for p in PROMPTS]}) + "\n")


def greedy(model, prompt):
    """The most likely continuation without tokens of control."""
    tokens = list(prompt)
    for _ in range(16):
        logits = model(torch.tensor([tokens])).logits[0, -1]
        logits[:2] = -torch.inf
        tokens.append(logits.argmax().item())
    return tokens[len(prompt):]


@torch.inference_mode()
def answers():
    """Greedy continuations of the repository's model."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(TINY)
    texts = ["Once upon a time", "The little dog ran to the", "Lily saw a big", "He was so happy that", "One day Tom and", "It was a sunny day"]
    generator, rows = torch.Generator().manual_seed(3), []
    prompts = [tokenizer(text).input_ids for text in texts]
    prompts += [[0] + torch.randint(2, model.config.vocab_size, (16,), generator=generator).tolist() for _ in range(58)]
    for prompt in prompts:
        ids = torch.tensor([prompt])
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=0)
        rows.append({"prompt": prompt, "answer": [t for t in out[0, len(prompt):].tolist() if t != model.config.eos_token_id]})
    (OUT / "tiny-answers.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    for name, make in FAMILIES.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            family(name, make)
    if not sys.argv[1:]:
        answers()
