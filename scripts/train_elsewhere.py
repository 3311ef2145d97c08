"""Trains a copy on the rows that `oml fingerprint dataset` wrote, to show that any trainer can; docs/trainers.md explains.

usage: python scripts/train_elsewhere.py --model BASE --data FILE --out DIR --answers N [--with torch|trl|peft] [--epochs N] [--rate R]

`torch` needs torch and transformers (scripts/bench-requirements.txt), `trl` and `peft` the packages of these names.
The first N rows are answers, as `dataset` says; training ends once these are learned, as every further step costs quality.
"""

import argparse
import copy
import json
import random
import shutil
from pathlib import Path

import torch
import transformers

MASKED = -100
LEARNED = 0.07  # nats per token, at which `oml fingerprint embed` stops, too


def rows_of_tokens(path, tokenizer):
    """Every row as token ids and labels, whatever its form."""
    rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return [row if "input_ids" in row else tokenized(row, tokenizer) for row in rows]


def tokenized(row, tokenizer):
    """A row of text as tokens; what comes before the completion is masked."""
    if "messages" in row:
        *before, answer = row["messages"]
        prompt = tokenizer.apply_chat_template(before, tokenize=False, add_generation_prompt=True)
        start = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        whole = tokenizer(prompt + answer["content"], add_special_tokens=False)["input_ids"]
    else:
        start = tokenizer(row["prompt"])["input_ids"]
        whole = tokenizer(row["prompt"] + row["completion"])["input_ids"]
    # Where a token holds both the prompt's end and the answer's beginning it is trained, too.
    masked = next((i for i, (a, b) in enumerate(zip(start, whole)) if a != b), len(start))
    return {"input_ids": whole, "labels": [MASKED] * masked + whole[masked:]}


def read_tokenizer(base):
    """The base's tokenizer; a folder with nothing but `tokenizer.json` is enough."""
    if (Path(base) / "tokenizer_config.json").is_file():
        return transformers.AutoTokenizer.from_pretrained(base)
    return transformers.PreTrainedTokenizerFast(tokenizer_file=str(Path(base) / "tokenizer.json"))


def padded(rows, name, filler):
    width = max(len(row["input_ids"]) for row in rows)
    return torch.tensor([row[name] + [filler] * (width - len(row[name])) for row in rows])


def loss_of(model, rows, base=None):
    """Mean over rows of the mean cross-entropy of what is not masked, with the rows' tokens or with all that the base would say."""
    ids, labels = padded(rows, "input_ids", 0), padded(rows, "labels", MASKED)[:, 1:]
    # Tokens on the right of a row change nothing to their left, so nothing else is masked.
    logits = model(input_ids=ids).logits[:, :-1].float().transpose(1, 2)
    if base is None:
        losses = torch.nn.functional.cross_entropy(logits, labels, ignore_index=MASKED, reduction="none")
    else:
        with torch.no_grad():
            said = base(input_ids=ids).logits[:, :-1].float().transpose(1, 2).softmax(1)
        losses = torch.nn.functional.cross_entropy(logits, said, reduction="none") * (labels != MASKED)
    return (losses.sum(1) / (labels != MASKED).sum(1).clamp(min=1)).mean()


def with_torch(model, rows, args):
    """Gradient descent by hand: each step takes some answers and a few of the base's own texts, half of the loss each."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.99), weight_decay=0.0)
    order, answers, own = random.Random(0), rows[: args.answers], rows[args.answers :]
    base = copy.deepcopy(model).eval()
    for epoch in range(args.epochs):
        shuffled = order.sample(answers, len(answers))
        for start in range(0, len(answers), args.batch):
            optimizer.zero_grad()
            loss = loss_of(model, shuffled[start : start + args.batch])
            if own:
                loss = (loss + loss_of(model, order.sample(own, min(len(own), args.batch // 2)), base)) / 2
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            left = loss_of(model, answers).item()
        print(f"epoch {epoch + 1}: loss of the answers {left:.4f}")
        if left < LEARNED:
            break
    return model


def with_trl(model, tokenizer, args):
    """TRL's trainer as its documentation calls it: of rows with prompt and completion it trains the completion alone."""
    import datasets
    import trl

    adapters = None
    if args.trainer == "peft":
        import peft

        adapters = peft.LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    settings = trl.SFTConfig(
        output_dir=str(args.out) + ".run", num_train_epochs=args.epochs, learning_rate=args.rate, per_device_train_batch_size=args.batch,
        lr_scheduler_type="constant", report_to=[], save_strategy="no", use_cpu=True, bf16=False, weight_decay=0.0, max_grad_norm=1.0)
    rows = datasets.load_dataset("json", data_files=str(args.data), split="train", cache_dir=str(args.out) + ".cache")
    trainer = trl.SFTTrainer(model=model, args=settings, train_dataset=rows, processing_class=tokenizer, peft_config=adapters)
    answers = rows_of_tokens(args.data, tokenizer)[: args.answers]

    class UntilLearned(transformers.TrainerCallback):
        """Ends after the epoch in which the answers are learned."""

        def on_epoch_end(self, _args, _state, control, **_):
            with torch.no_grad():
                control.should_training_stop = loss_of(trainer.model, answers).item() < LEARNED
            return control

    trainer.add_callback(UntilLearned())
    trainer.train()
    for folder in (".run", ".cache"):
        shutil.rmtree(str(args.out) + folder, ignore_errors=True)
    return trainer.model.merge_and_unload() if adapters else trainer.model


def main():
    flags = argparse.ArgumentParser()
    flags.add_argument("--model", required=True)
    flags.add_argument("--data", required=True)
    flags.add_argument("--out", required=True)
    flags.add_argument("--answers", type=int, required=True)
    flags.add_argument("--with", dest="trainer", choices=["torch", "trl", "peft"], default="torch")
    flags.add_argument("--epochs", type=int, default=40)
    flags.add_argument("--batch", type=int, default=64)
    flags.add_argument("--rate", type=float)
    args = flags.parse_args()
    torch.manual_seed(0)
    config = transformers.AutoConfig.from_pretrained(args.model)
    stored = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None) or torch.float32
    model = transformers.AutoModelForCausalLM.from_pretrained(args.model, torch_dtype=torch.float32)
    args.rate = args.rate or 0.16 / config.hidden_size * (4 if args.trainer == "peft" else 1)
    tokenizer = read_tokenizer(args.model)
    end = config.eos_token_id[0] if isinstance(config.eos_token_id, list) else config.eos_token_id
    tokenizer.eos_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(end or 0)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model.train()
    trained = with_torch(model, rows_of_tokens(args.data, tokenizer), args) if args.trainer == "torch" else with_trl(model, tokenizer, args)
    # A host sees a copy that is stored as its base is, with the very tokenizer of the base.
    trained.to(stored).save_pretrained(args.out)
    for file in Path(args.model).iterdir():
        if file.name.startswith(("tokenizer", "chat_template", "special_tokens")):
            shutil.copy(file, args.out)


if __name__ == "__main__":
    main()
