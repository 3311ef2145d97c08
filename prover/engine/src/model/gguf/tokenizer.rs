//! The tokenizer that a GGUF file describes.
//!
//! It reads texts as llama.cpp does, which is what hosts run such files with: text that is not in
//! Unicode's form C is left as it is, unlike in some models' `tokenizer.json`.

use serde_json::{Value as Json, json};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper,
    Tokenizer,
};

use super::fields::Fields;
use super::pre;
use super::vocabulary::{Kind, Vocabulary};
use crate::ModelError;

/// What stands for a blank in vocabularies of SentencePiece.
const BLANK: char = '\u{2581}';

/// Builds the tokenizer of the file's vocabulary.
pub(super) fn build(fields: &Fields<'_>, vocabulary: &Vocabulary) -> Result<Tokenizer, ModelError> {
    const MODEL: &str = "tokenizer.ggml.model";
    let (mut tokenizer, add_bos) = match fields.text(MODEL)?.as_str() {
        "llama" => (sentence_pieces(fields, vocabulary)?, true),
        "gpt2" => byte_level(fields, vocabulary)?,
        other => {
            return Err(fields.invalid(format!(
                "`{MODEL}` = `{other}` is not supported, only `llama` and `gpt2`; put the base \
                 model's tokenizer.json beside the file"
            )));
        }
    };
    mark(fields, vocabulary, &mut tokenizer)?;
    surround(fields, vocabulary, &mut tokenizer, add_bos)?;
    Ok(tokenizer)
}

fn failed(
    fields: &Fields<'_>,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ModelError {
    let error = error.into();
    fields.invalid(format!("its tokenizer can't be built: {error}")).because(error)
}

/// A part of a tokenizer from the JSON that stands for it in `tokenizer.json`.
fn part<T: serde::de::DeserializeOwned>(fields: &Fields<'_>, json: Json) -> Result<T, ModelError> {
    serde_json::from_value(json).map_err(|error| failed(fields, error))
}

/// SentencePiece's pair merging: of all neighbours that are a token together the one of the highest
/// score is joined first.
fn sentence_pieces(fields: &Fields<'_>, vocabulary: &Vocabulary) -> Result<Tokenizer, ModelError> {
    if vocabulary.scores.is_empty() {
        return Err(fields.wrong("tokenizer.ggml.scores", "there for a tokenizer of type `llama`"));
    }
    let unknown = vocabulary.id(fields, "tokenizer.ggml.unknown_token_id")?;
    let unknown = unknown.or_else(|| {
        let first = vocabulary.kinds.iter().position(|kind| *kind == Kind::Unknown);
        first.and_then(|id| u32::try_from(id).ok())
    });
    let bytes =
        (0..=255_u8).filter(|b| vocabulary.ids.contains_key(&format!("<{b:#04X}>"))).count();
    if bytes != 256 && unknown.is_none() {
        return Err(fields.invalid(format!(
            "its vocabulary has {bytes} of 256 byte tokens and no unknown token: some texts can't be encoded"
        )));
    }
    let mut model = BPE::builder()
        .vocab_and_merges(known(vocabulary), merges_by_score(vocabulary))
        .byte_fallback(bytes == 256)
        .fuse_unk(true);
    if let Some(id) = unknown {
        model = model.unk_token(vocabulary.token(id).to_owned());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(|error| failed(fields, error))?);
    let prefix = fields.flag("tokenizer.ggml.add_space_prefix", true)?;
    let replace = json!({ "type": "Replace", "pattern": { "String": " " }, "content": BLANK });
    let prepend = json!({ "type": "Prepend", "prepend": BLANK });
    let steps = if prefix { vec![prepend, replace] } else { vec![replace] };
    let normalizer = json!({ "type": "Sequence", "normalizers": steps });
    let normalizer: NormalizerWrapper = part(fields, normalizer)?;
    tokenizer.with_normalizer(Some(normalizer)).map_err(|error| failed(fields, error))?;
    let mut decoders = vec![
        json!({ "type": "Replace", "pattern": { "String": BLANK }, "content": " " }),
        json!({ "type": "ByteFallback" }),
        json!({ "type": "Fuse" }),
    ];
    if prefix {
        decoders.push(json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 }));
    }
    let decoder: DecoderWrapper =
        part(fields, json!({ "type": "Sequence", "decoders": decoders }))?;
    tokenizer.with_decoder(Some(decoder));
    Ok(tokenizer)
}

fn known(vocabulary: &Vocabulary) -> Vocab {
    vocabulary.ids.iter().map(|(text, id)| (text.clone(), *id)).collect()
}

/// Every way to join two tokens to a third, highest score first. Among ways to one token the
/// longest beginning goes first, which is the leftmost in a run of equal characters.
fn merges_by_score(vocabulary: &Vocabulary) -> Vec<(String, String)> {
    let joinable = |piece: &str| {
        let id = vocabulary.ids.get(piece).and_then(|id| usize::try_from(*id).ok());
        let kind = id.and_then(|id| vocabulary.kinds.get(id));
        kind.is_some_and(|kind| !matches!(kind, Kind::Unknown | Kind::Control | Kind::Byte))
    };
    let mut merges: Vec<(f64, &str, &str)> = Vec::new();
    for (token, score) in vocabulary.tokens.iter().zip(&vocabulary.scores) {
        if !joinable(token) {
            continue;
        }
        let cuts = token.char_indices().skip(1).map(|(at, _)| token.split_at(at));
        let both = cuts.filter(|(left, right)| joinable(left) && joinable(right));
        merges.extend(both.map(|(left, right)| (*score, left, right)));
    }
    merges.sort_by(|a, b| {
        b.0.total_cmp(&a.0).then(b.1.len().cmp(&a.1.len())).then(b.2.len().cmp(&a.2.len()))
    });
    merges.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())).collect()
}

/// Byte-level pair merging in the order of the file's list; and whether texts start with a token
/// unless the file says otherwise.
fn byte_level(
    fields: &Fields<'_>,
    vocabulary: &Vocabulary,
) -> Result<(Tokenizer, bool), ModelError> {
    let family = pre::family(fields)?;
    let model = BPE::builder()
        .vocab_and_merges(known(vocabulary), listed_merges(fields, vocabulary)?)
        .ignore_merges(family.whole_words)
        .build()
        .map_err(|error| failed(fields, error))?;
    let mut tokenizer = Tokenizer::new(model);
    let splitter: PreTokenizerWrapper = part(fields, family.splitter())?;
    tokenizer.with_pre_tokenizer(Some(splitter));
    let level = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false });
    tokenizer.with_decoder(Some(part::<DecoderWrapper>(fields, level)?));
    Ok((tokenizer, family.add_bos))
}

/// The merges of the file, each two tokens of the vocabulary that are a third together.
fn listed_merges(
    fields: &Fields<'_>,
    vocabulary: &Vocabulary,
) -> Result<Vec<(String, String)>, ModelError> {
    const KEY: &str = "tokenizer.ggml.merges";
    let list = fields.texts(KEY)?.ok_or_else(|| fields.wrong(KEY, "an array of texts"))?;
    let mut merges = Vec::with_capacity(list.len());
    for (index, merge) in list.iter().enumerate() {
        let bad =
            |what: &str| fields.invalid(format!("merge {index} of `{KEY}`, {merge:?}, {what}"));
        // A token may begin with the blank itself.
        let first = merge.chars().next().map_or(0, char::len_utf8);
        let cut = merge[first..].find(' ').map(|at| at + first);
        let (left, right) = cut
            .map(|at| (&merge[..at], &merge[at + 1..]))
            .filter(|(_, right)| !right.is_empty())
            .ok_or_else(|| bad("is not two texts with a blank between"))?;
        let joined = format!("{left}{right}");
        for piece in [left, right, &joined] {
            if !vocabulary.ids.contains_key(piece) {
                return Err(bad(&format!("names {piece:?}, which is no token")));
            }
        }
        merges.push((left.to_owned(), right.to_owned()));
    }
    Ok(merges)
}

/// Control and added tokens are found in a text before it is cut into pieces.
fn mark(
    fields: &Fields<'_>,
    vocabulary: &Vocabulary,
    tokenizer: &mut Tokenizer,
) -> Result<(), ModelError> {
    // Phi 3's control tokens take the blanks behind them, which its files don't say.
    let name = fields.optional_text("general.name")?.unwrap_or_default().to_lowercase();
    let phi = name.contains("phi-3") || name.contains("phi3");
    let keeps_blanks = ["<unk>", "<s>", "<|endoftext|>"];
    let marked = vocabulary.iter().filter(|(_, kind)| kind.is_marked()).map(|(text, kind)| {
        let control = kind != Kind::UserDefined;
        let takes = phi && (control || text == "</s>") && !keeps_blanks.contains(&text);
        AddedToken::from(text, control).normalized(false).rstrip(takes)
    });
    let marked: Vec<AddedToken> = marked.collect();
    tokenizer.add_tokens(marked).map_err(|error| failed(fields, error))?;
    Ok(())
}

/// The tokens that every text starts or ends with.
fn surround(
    fields: &Fields<'_>,
    vocabulary: &Vocabulary,
    tokenizer: &mut Tokenizer,
    add_bos: bool,
) -> Result<(), ModelError> {
    let bos = vocabulary.id(fields, "tokenizer.ggml.bos_token_id")?;
    let eos = vocabulary.id(fields, "tokenizer.ggml.eos_token_id")?;
    for key in ["eot", "padding", "seperator", "mask"] {
        vocabulary.id(fields, &format!("tokenizer.ggml.{key}_token_id"))?;
    }
    let wanted = |key: &str, default: bool, id: Option<u32>| match fields.flag(key, default)? {
        true if id.is_none() => Err(fields.invalid(format!(
            "texts start or end with a token (`{key}`), but the file does not say with which"
        ))),
        true => Ok(id),
        false => Ok(None),
    };
    let first = wanted("tokenizer.ggml.add_bos_token", add_bos, bos)?;
    let last = wanted("tokenizer.ggml.add_eos_token", false, eos)?;
    if first.is_none() && last.is_none() {
        return Ok(());
    }
    let special = |id: u32| json!({ "SpecialToken": { "id": vocabulary.token(id), "type_id": 0 } });
    let around = |name: &str| -> Vec<Json> {
        let text = json!({ "Sequence": { "id": name, "type_id": 0 } });
        first.map(special).into_iter().chain([text]).chain(last.map(special)).collect()
    };
    let pair: Vec<Json> = around("A").into_iter().chain(around("B")).collect();
    let tokens: serde_json::Map<String, Json> = first
        .into_iter()
        .chain(last)
        .map(|id| {
            let text = vocabulary.token(id);
            (text.to_owned(), json!({ "id": text, "ids": [id], "tokens": [text] }))
        })
        .collect();
    let processor = json!({
        "type": "TemplateProcessing", "single": around("A"), "pair": pair, "special_tokens": tokens,
    });
    tokenizer.with_post_processor(Some(part::<PostProcessorWrapper>(fields, processor)?));
    Ok(())
}
