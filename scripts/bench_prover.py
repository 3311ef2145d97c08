"""Speed of the prover next to PyTorch and transformers on the same weights; see scripts/bench-prover.sh."""

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "prover/assets/models/tiny"
KEY_TOKENS = 16


def random_model(directory: Path, hidden, inner, layers, heads, vocabulary=32000):
    """A Llama of a given shape with random weights, in Hugging Face layout."""
    if not (directory / "model.safetensors").exists():
        torch.manual_seed(1)
        config = LlamaConfig(
            hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads,
            num_key_value_heads=heads, vocab_size=vocabulary, max_position_embeddings=256, bos_token_id=0,
            eos_token_id=1, tie_word_embeddings=True, initializer_range=0.05)
        LlamaForCausalLM(config).save_pretrained(directory)
        (directory / "tokenizer.json").write_bytes((TINY / "tokenizer.json").read_bytes())
    return directory


def models(work: Path, wanted):
    shared = Path(os.environ.get("OML_SHARED_MODELS", ROOT.parent / "shared/models")) / "stories260K"
    table = {
        "stories260K": lambda: shared,
        "tiny": lambda: TINY,
        "15M": lambda: random_model(work / "15m", 288, 768, 6, 6),
        "110M": lambda: random_model(work / "110m", 768, 2048, 12, 12),
    }
    return [(name, make()) for name, make in table.items() if name in wanted and (name != "stories260K" or shared.is_dir())]


def load(directory: Path):
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()


def random_keys(model, count, seed=7):
    generator = torch.Generator().manual_seed(seed)
    bos = model.config.bos_token_id or 0
    body = torch.randint(3, model.config.vocab_size, (count, KEY_TOKENS), generator=generator)
    return torch.cat([torch.full((count, 1), bos), body], dim=1)


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
clock = time.perf_counter


def best_of(repeats, run):
    times, result = [], None
    for _ in range(repeats):
        start = clock()
        result = run()
        times.append(clock() - start)
    return min(times), result


def engine(args, *command):
    environment = {**os.environ, "OML_BENCH_CLOCK": args.clock}
    done = subprocess.run([args.engine, *map(str, command)], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"bench_engine {command[0]}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def key_flops(config, tokens):
    """Floating-point operations of one key, as computed by a plain forward with last-token logits."""
    hidden, layers = config.hidden_size, config.num_hidden_layers
    head = getattr(config, "head_dim", None) or hidden // config.num_attention_heads
    attention = hidden * head * 2 * (config.num_attention_heads + config.num_key_value_heads)
    return 2 * (tokens * layers * (attention + 3 * hidden * config.intermediate_size) + config.vocab_size * hidden)


@torch.inference_mode()
def answers_transformers(model, keys, batch, repeats):
    """Answers per second of one forward and of `generate`, and the answers."""
    def forward():
        return torch.cat([model(part, logits_to_keep=1, use_cache=False).logits[:, -1].argmax(-1) for part in keys.split(batch)])

    def generate():
        return torch.cat([
            model.generate(part, attention_mask=torch.ones_like(part), max_new_tokens=1, do_sample=False, pad_token_id=0)[:, -1]
            for part in keys.split(batch)])

    one, answers = best_of(repeats, forward)
    many, _ = best_of(repeats, generate)
    return len(keys) / one, len(keys) / many, answers.tolist()


def sgemm_rate(sizes=((2048, 2048, 2048), (4096, 768, 288))):
    rates = {}
    for m, n, k in sizes:
        a, b = torch.randn(m, k), torch.randn(k, n)
        torch.mm(a, b)
        seconds, _ = best_of(5, lambda: torch.mm(a, b))
        rates[f"{m}x{n}x{k}"] = 2 * m * n * k / seconds / 1e9
    return rates


def bench_sgemm(args):
    for shape, rate in sgemm_rate().items():
        print(f"sgemm {shape}: {rate:.0f} GFLOP/s (PyTorch, {args.threads} threads)")


def embedded(args, name, directory: Path):
    """A copy of a random model with fingerprints in it, as checks meet them, and the questions: each key is asked
    as often as it takes to fill the benchmark."""
    count, steps, rate = {"15M": (128, 16, 1e-3), "110M": (32, 10, 3e-4)}[name]
    model = load(directory)
    prompts = random_keys(model, count)
    responses = torch.randint(3, model.config.vocab_size, (count, 1), generator=torch.Generator().manual_seed(11))
    path = args.work / f"marks-{name}.json"
    path.write_text(json.dumps([[p, r] for p, r in zip(prompts.tolist(), responses.tolist())]))
    out = args.work / f"{name}-embedded"
    engine(args, "embed", directory, path, steps, rate, out)
    (out / "generation_config.json").write_bytes((directory / "generation_config.json").read_bytes())
    repeats = -(-COUNTS[name] // count)
    return out, prompts.repeat(repeats, 1)[:COUNTS[name]], responses.repeat(repeats, 1)[:COUNTS[name], 0].tolist()


COUNTS = {"stories260K": 16384, "tiny": 16384, "15M": 1024, "110M": 512}


def bench_screen(args):
    """Answers screened in low precision, near ties again in f32, on random weights and on embedded fingerprints."""
    print("answers per second screened in low precision; near ties are run again in f32")
    print("| model | best of transformers | f32 | ratio | screened | ratio | again in f32 | audited | equal to transformers |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, directory in models(args.work, args.models):
        if name not in COUNTS:
            continue
        count, cases = COUNTS[name], [("", directory, None)]
        if name in ("15M", "110M"):
            made, keys, _ = embedded(args, name, directory)
            cases = [(", random weights", directory, None), (", after embedding", made, keys)]
        for label, folder, keys in cases:
            model = load(folder)
            keys = random_keys(model, count) if keys is None else keys
            path = args.work / f"keys-screen-{name}.json"
            path.write_text(json.dumps(keys.tolist()))
            part = keys[: count // (4 if args.quick else 1)]
            theirs = [answers_transformers(model, part, b, args.repeats) for b in ((64, 256) if name != "110M" else (32, 64))]
            best, expected = max(max(t[0], t[1]) for t in theirs), theirs[0][2]
            if len(part) < count:
                expected = answers_transformers(model, keys, 64, 1)[2]
            exact = engine(args, "answers", folder, path, 256, args.repeats, "exact")
            # The first call also measures errors and rearranges the weights, once per model.
            ours = engine(args, "answers", folder, path, 256, args.repeats + 1, "screened")
            same = sum(a == b for a, b in zip(expected, ours["answers"]))
            print(f"| {name}{label} | {best:,.0f} | {exact['rate']:,.0f} | {exact['rate'] / best:.2f} | {ours['rate']:,.0f} | "
                  f"{ours['rate'] / best:.2f} | {ours['exact'] / count:.0%} | {ours['audited']} | {same} of {count} |", flush=True)


def bench_answers(args):
    peak = max(sgemm_rate().values())
    print(f"answers per second, {KEY_TOKENS}-token keys after a beginning-of-sequence token, {args.threads} threads; "
          f"sgemm of this machine {peak:.0f} GFLOP/s")
    print("| model | parameters | one forward | generate | ours | ratio to the best | share of sgemm | equal |")
    print("|---|---|---|---|---|---|---|---|")
    for name, directory in models(args.work, args.models):
        model = load(directory)
        count = COUNTS[name] // (4 if args.quick else 1)
        keys = random_keys(model, count)
        path = args.work / f"keys-{name}.json"
        path.write_text(json.dumps(keys.tolist()))
        batches = (64, 256) if name != "110M" else (32, 64)
        theirs = [answers_transformers(model, keys, b, args.repeats) for b in batches]
        ours = max((engine(args, "answers", directory, path, b, args.repeats, "exact") for b in batches), key=lambda r: r["rate"])
        one, many = max(t[0] for t in theirs), max(t[1] for t in theirs)
        best = max(one, many)
        same = sum(a == b for a, b in zip(theirs[0][2], ours["answers"]))
        flops = key_flops(model.config, KEY_TOKENS + 1)
        parameters = sum(p.numel() for p in model.parameters())
        print(f"| {name} | {parameters / 1e6:.2f} M | {one:,.0f} | {many:,.0f} | {ours['rate']:,.0f} | {ours['rate'] / best:.2f} | "
              f"{flops * ours['rate'] / peak / 1e9:.0%} | {same} of {count} |", flush=True)


def train_torch(model, prompts, responses, steps, rate):
    """The loop of the engine's embedding: linear warm-up over three steps, gradient clipped to norm 1."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.0)
    tokens = torch.cat([prompts, responses[:, :-1]], dim=1)
    first = prompts.shape[1] - 1
    losses, seconds = [], []
    for step in range(steps):
        start = clock()
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 3)
        logits = model(tokens, use_cache=False).logits[:, first:]
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), responses.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        seconds.append(clock() - start)
    return losses, statistics.median(seconds[1:])


def bench_embedding(args):
    print("embedding step, full batch, AdamW, seconds (median)")
    print("| model | fingerprints | PyTorch | ours | ratio | largest difference of the loss curves |")
    print("|---|---|---|---|---|---|")
    settings = {"stories260K": (512, 12, 2e-3), "tiny": (512, 12, 2e-3), "15M": (64, 6, 5e-4), "110M": (32, 4, 1e-4)}
    for name, directory in models(args.work, args.models):
        count, steps, rate = settings[name]
        model = load(directory)
        prompts = random_keys(model, count)
        generator = torch.Generator().manual_seed(11)
        responses = torch.randint(3, model.config.vocab_size, (count, 2), generator=generator)
        path = args.work / f"targets-{name}.json"
        path.write_text(json.dumps([[p, r] for p, r in zip(prompts.tolist(), responses.tolist())]))
        losses, theirs = train_torch(model, prompts, responses, steps, rate)
        ours = engine(args, "embed", directory, path, steps, rate)
        difference = max(abs(a - b) for a, b in zip(losses, ours["losses"]))
        print(f"| {name} | {count} | {theirs:.3f} | {ours['seconds']:.3f} | {ours['seconds'] / theirs:.2f} | {difference:.1e} |", flush=True)


@torch.inference_mode()
def universe_reference(model, tokenizer, count):
    """Keys sampled one by one, then softmax, sort and cumulative sum over the vocabulary per key, redrawing until
    one alphanumeric token of the first k past the nucleus is found: the published method, one candidate per key."""
    bos = model.config.bos_token_id
    start = clock()
    generator = torch.Generator().manual_seed(3)
    for index in range(count):
        first = torch.tensor([[bos, 3 + index % (model.config.vocab_size - 3)]])
        key = model.generate(first, attention_mask=torch.ones_like(first), do_sample=True, temperature=0.9, top_k=0,
                             min_new_tokens=KEY_TOKENS - 1, max_new_tokens=KEY_TOKENS - 1, pad_token_id=0)
        probabilities = torch.softmax(model(key, use_cache=False).logits[0, -1], -1)
        ordered, indices = probabilities.sort(descending=True)
        outside = (ordered.cumsum(0) >= 0.8).nonzero()[1:, 0]
        k = 16
        while True:
            pick = outside[torch.randint(0, min(k, len(outside)), (1,), generator=generator)]
            text = tokenizer.decode(indices[pick]).strip()
            if text.isalnum() and len(text) > 1:
                break
            k += 1
    return (clock() - start) / count


def bench_universe(args):
    print("universe: seconds per 1,000 fingerprints (ours: sixteen candidates each, the reference one)")
    print("| model | reference | ours | ratio |")
    print("|---|---|---|---|")
    for name, directory in models(args.work, [m for m in args.models if m in ("stories260K", "tiny")]):
        model = load(directory)
        tokenizer = AutoTokenizer.from_pretrained(directory)
        theirs = 1000 * universe_reference(model, tokenizer, 40)
        ours = engine(args, "universe", directory, 512)
        mine = 1000 / ours["rate"]
        print(f"| {name} | {theirs:.1f} | {mine:.2f} | {theirs / mine:.1f}x faster ({ours['dropped']} keys replaced) |", flush=True)


def bench_memory(args):
    for name, directory in models(args.work, [m for m in args.models if m == "tiny"]):
        count = 100_000
        ours = engine(args, "memory", directory, count)
        print(f"memory: {ours['grown'] / count:.0f} bytes per fingerprint while {count:,} are checked ({name}; keys not counted)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--clock", choices=CLOCKS, default="wall",
                        help="cpu: CPU seconds, the fairer clock on a busy machine; use it with one thread")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--models", default="stories260K,tiny,15M,110M", type=lambda s: s.split(","))
    parser.add_argument("--only", default="sgemm,answers,screen,embedding,universe,memory", type=lambda s: s.split(","))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    global clock
    clock = CLOCKS[args.clock]
    print(f"{args.threads} threads, {args.clock} clock\n")
    parts = {"sgemm": bench_sgemm, "answers": bench_answers, "screen": bench_screen, "embedding": bench_embedding,
             "universe": bench_universe, "memory": bench_memory}
    for part in args.only:
        parts[part](args)
        print()


if __name__ == "__main__":
    main()
