"""Writes GGUF files as converters do, and what llama.cpp says of them, for `cargo test` to compare with.

usage: python scripts/golden_gguf.py MODEL_DIR OUT.gguf     (a Llama in Hugging Face layout, f32, tokenizer included)
       python scripts/golden_gguf.py --golden PIECES_DIR    (writes prover/engine/tests/golden/gguf; PIECES_DIR: a model with a
                                                             SentencePiece vocabulary, such as stories260K)

Needs gguf, numpy and, for --golden, llama-cpp-python from PyPI (tried with gguf 0.19.0 and llama-cpp-python 0.3.36).
"""

import collections
import json
import struct
import sys
from pathlib import Path

import gguf
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "prover/engine/tests/golden/gguf"
TINY = ROOT / "prover/assets/models/tiny"
NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6
PRES = ["default", "gpt-2", "phi-2", "llama-bpe", "llama3", "llama-v3", "dbrx", "smaug-bpe", "qwen2", "deepseek-r1-qwen", "smollm", "starcoder", "refact",
        "codeshell", "exaone"]
TEXTS = [
    "", " ", "  ", "    four", "a", "Hello world", " Hello  world ", "Once upon a time, there was a little girl.", "don't we'll I'VE they're IT'S",
    "1", "12", "123", "1234567890", "3.14159 and 1,000,000", "x=y+z; a<b>c ^ ~ | $5 `code`", "line\nbreaks\n\n\nand\r\n\r\nmore", "\ttabs\t\tand  \n mixed \t ",
    "trailing   ", "trailing\n", "Ünïcödé ÀÉÎÕÜ ßæø", "Zażółć gęślą jaźń", "Привет, мир! Ёлка", "你好世界，今天天气很好。", "日本語のテキスト", "한국어 텍스트", "مرحبا بالعالم",
    "שלום", "नमस्ते दुनिया", "ไทยไม่มีวรรค", "e\u0301 decomposed \u0041\u030a", "\u00a0nbsp\u2003em\u3000wide", "zero\u200bwidth\u200djoiner\ufeffbom", "😀 😃😄 👩‍👩‍👧‍👦 🇩🇪 👍🏽",
    "²³¹ ½ Ⅷ ٣٤٥ १२३", "…—–“quotes”‘single’ «»", "!!!???...---===", "snake_case camelCase HTTPServer2 v1.2.3-rc4", "https://example.org/a?b=c&d=%20#e", "<s>", "</s>", "a<s>b</s> c",
    "<unk>", "<0x41><0x0A>", "▁under▁score ▁ ▁▁", "a\u0000b\u0001c\u007f", "aaaaaaaaaaaaaaaaaaaaaaaaa", "          ten blanks", "Lily and Tom Timmy saw the the the", "I\u0307İıIi",
    "\U0001d518\U0001d52b\U0001d526 \U00020000 \U0010ffff", "ﬁ ﬂ ﬀ ligatures", "日1本2語3", "a1b2c3 1a2b3c", "'S 'T 'Re 'VE 'm 'LL 'd 'x", "\n", "\r", "\r\n", " \n ", "\n \n", "mixed \n\n  indent\n    deeper",
]


def pieces_or_bytes(directory):
    """Tokenizer fields of a GGUF file from tokenizer.json."""
    raw = json.loads((directory / "tokenizer.json").read_text())
    vocab = raw["model"]["vocab"]
    tokens = sorted(vocab, key=vocab.get)
    special = {t["content"] for t in raw["added_tokens"] if t["special"]}
    merges = [m if isinstance(m, list) else m.split(" ", 1) for m in raw["model"]["merges"]]
    if not raw["model"]["byte_fallback"]:
        kinds = [CONTROL if t in special else NORMAL for t in tokens]
        return "gpt2", tokens, None, kinds, [" ".join(m) for m in merges]
    kinds = [UNKNOWN if t == "<unk>" else CONTROL if t in special else BYTE if t.startswith("<0x") else NORMAL for t in tokens]
    # A vocabulary that was learnt by merging pairs ranks a piece by its first merge.
    rank = {}
    for i, (a, b) in enumerate(merges):
        rank.setdefault(a + b, i)
    scores = [-float(rank.get(t, len(merges) + vocab[t])) if k == NORMAL else 0.0 for t, k in zip(tokens, kinds)]
    return "llama", tokens, scores, kinds, None


def crossing():
    """A byte-level vocabulary learnt without cutting texts, whose merges cross wherever a family cuts; and a token of no merge."""
    # The letters that stand for bytes in such vocabularies.
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    letters = {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}
    words = [[letters[b] for b in text.encode()] for text in TEXTS]
    merges, tokens = [], ["<s>", "</s>"] + [letters[b] for b in range(256)]
    while len(merges) < 700:
        pairs = collections.Counter(pair for word in words for pair in zip(word, word[1:]))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        if best[0] + best[1] not in tokens:
            tokens.append(best[0] + best[1])
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i:i + 2] = [best[0] + best[1]]
                i += 1
    tokens += [piece for piece in ("Ġgirl", "Ġindent", "Ġjoiner", "Hello") if piece not in tokens]
    return "gpt2", tokens, None, [CONTROL] * 2 + [NORMAL] * (len(tokens) - 2), [" ".join(m) for m in merges]


def header(directory, path, pre, vocabulary=None):
    config = json.loads((directory / "config.json").read_text())
    model, tokens, scores, kinds, merges = vocabulary or pieces_or_bytes(directory)
    unused = config["vocab_size"] - len(tokens)
    tokens, kinds = tokens + [f"[PAD{i}]" for i in range(unused)], kinds + [UNUSED] * unused
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model(model)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    if scores:
        writer.add_token_scores(scores)
        writer.add_unk_token_id(0)
    else:
        writer.add_token_merges(merges)
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(True)
    return writer, config


def tensors(directory):
    """Tensors of a safetensors file as f32."""
    raw = (directory / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    kinds = {"F32": np.float32, "F16": np.float16}
    for name, info in json.loads(raw[8:8 + size]).items():
        if name != "__metadata__":
            a, b = info["data_offsets"]
            values = np.frombuffer(raw[8 + size + a:8 + size + b], kinds[info["dtype"]])
            yield name, values.reshape(info["shape"]).astype(np.float32)


def scaled(writer, kind, config):
    """Stretched rotary frequencies, as files of Llama 3.1, Phi 3 and others hold them."""
    half = config["head_dim"] // 2
    if kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(4.0)
    elif kind == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(4.0)
        writer.add_rope_scaling_orig_ctx_len(64)
    elif kind == "freqs":
        writer.add_tensor("rope_freqs.weight", np.linspace(1, 8, half, dtype=np.float32))
    elif kind == "longrope":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        writer.add_rope_scaling_orig_ctx_len(256)
        writer.add_rope_scaling_attn_factors(1.19)
        writer.add_tensor("rope_factors_short.weight", np.linspace(1, 2, half, dtype=np.float32))
        writer.add_tensor("rope_factors_long.weight", np.linspace(1, 30, half, dtype=np.float32))


def convert(directory, path, pre="gpt-2", scaling=None):
    writer, config = header(directory, path, pre)
    scaled(writer, scaling, config)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, tensor in tensors(directory):
        for part, heads in (("q_proj", config["num_attention_heads"]), ("k_proj", config["num_key_value_heads"])):
            if part in name:
                rows, inner = tensor.shape
                tensor = tensor.reshape(heads, 2, rows // heads // 2, inner).swapaxes(1, 2).reshape(rows, inner)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(tensor))
    finish(writer, True)


def finish(writer, with_tensors=False):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    if with_tensors:
        writer.write_tensors_to_file()
    writer.close()


def ids(path):
    from llama_cpp import Llama
    model = Llama(str(path), vocab_only=True, verbose=False)
    return [model.tokenize(text.encode(), add_bos=False, special=True) for text in TEXTS]


def logits():
    """What llama.cpp computes of the repository's model with each kind of rotary frequencies: the logits of the first 24 tokens."""
    from llama_cpp import Llama
    generator = np.random.default_rng(7)
    prompts = [[0] + generator.integers(2, 2048, n).tolist() for n in (5, 24, 100)]
    rows = {}
    for kind in ("none", "linear", "yarn", "freqs", "longrope"):
        path = OUT / "scaled.gguf"
        convert(TINY, path, "gpt-2", kind)
        model = Llama(str(path), n_ctx=256, logits_all=True, type_k=0, type_v=0, verbose=False)
        rows[kind] = []
        for prompt in prompts:
            model.reset()
            model.eval(prompt)
            rows[kind].append([round(float(x), 4) for x in model.scores[len(prompt) - 1][:24]])
        path.unlink()
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in rows.items())
    (OUT / "logits.json").write_text(f'{{"prompts": {json.dumps(prompts)},\n"logits": {{\n{lines}\n}}}}\n')


def golden(pieces):
    OUT.mkdir(parents=True, exist_ok=True)
    found = {}
    for pre in PRES:
        finish(header(TINY, OUT / "bytes.gguf", pre, crossing())[0])
        found[pre] = ids(OUT / "bytes.gguf")
    finish(header(pieces, OUT / "pieces.gguf", "default")[0])
    found["pieces"] = ids(OUT / "pieces.gguf")
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in found.items())
    logits()
    (OUT / "ids.json").write_text(f'{{"texts": {json.dumps(TEXTS)},\n"ids": {{\n{rows}\n}}}}\n')


if __name__ == "__main__":
    if sys.argv[1] == "--golden":
        golden(Path(sys.argv[2]))
    else:
        convert(Path(sys.argv[1]), Path(sys.argv[2]))
