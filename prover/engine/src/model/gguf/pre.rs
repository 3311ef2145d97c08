//! How byte-level vocabularies cut a text before pairs are merged, by the name that GGUF files give
//! to it.

use serde_json::{Value as Json, json};

use super::fields::Fields;
use crate::ModelError;

/// A way to cut texts.
pub(super) struct Family {
    /// Names in `tokenizer.ggml.pre`.
    names: &'static [&'static str],
    cuts: &'static [&'static str],
    /// A piece that is a token is taken whole, whatever the merges say.
    pub(super) whole_words: bool,
    /// Texts start with a token, unless the file says otherwise.
    pub(super) add_bos: bool,
}

/// How GPT-2 cuts a text into words.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// That of the Llama 3 release, digits by three.
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const FAMILIES: [Family; 6] = [
    Family { names: &["gpt-2", "phi-2"], cuts: &[WORDS], whole_words: false, add_bos: false },
    Family {
        names: &["llama-bpe", "llama3", "llama-v3"],
        cuts: &[LLAMA_3],
        whole_words: true,
        add_bos: true,
    },
    // Phi 4 among others.
    Family { names: &["dbrx", "smaug-bpe"], cuts: &[LLAMA_3], whole_words: false, add_bos: false },
    Family {
        names: &["qwen2", "deepseek-r1-qwen"],
        cuts: &[
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        whole_words: false,
        add_bos: false,
    },
    Family {
        names: &["smollm", "starcoder", "refact", "codeshell", "exaone"],
        cuts: &[r"\p{N}", WORDS],
        whole_words: false,
        add_bos: false,
    },
    // Files without a name, too: what llama.cpp falls back to.
    Family {
        names: &["default"],
        cuts: &[r"[\p{P}\$\+<=>\^~\|]+", WORDS, r"\p{N}+", "[0-9][0-9][0-9]"],
        whole_words: false,
        add_bos: false,
    },
];

/// The way that the file names.
pub(super) fn family(fields: &Fields<'_>) -> Result<&'static Family, ModelError> {
    const KEY: &str = "tokenizer.ggml.pre";
    let name = fields.optional_text(KEY)?.unwrap_or("default");
    FAMILIES.iter().find(|family| family.names.contains(&name)).ok_or_else(|| {
        let known: Vec<&str> = names().collect();
        fields.invalid(format!(
            "`{KEY}` = `{name}` is not supported; supported: {}; put the base model's tokenizer.json beside the file",
            known.join(", ")
        ))
    })
}

/// All names that are known.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().flat_map(|family| family.names).copied()
}

impl Family {
    /// The pre-tokenizer as `tokenizer.json` would hold it.
    pub(super) fn splitter(&self) -> Json {
        let split = |cut: &&str| json!({ "type": "Split", "pattern": { "Regex": cut }, "behavior": "Isolated", "invert": false });
        let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false });
        let steps: Vec<Json> = self.cuts.iter().map(split).chain([bytes]).collect();
        json!({ "type": "Sequence", "pretokenizers": steps })
    }
}
