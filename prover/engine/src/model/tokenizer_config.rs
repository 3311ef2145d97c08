//! `tokenizer_config.json`: what transformers knows of a tokenizer beyond `tokenizer.json`.

use serde_json::{Map, Value, json};
use std::path::Path;

use tokenizers::{PostProcessorWrapper, Tokenizer};

use super::lenient;
use super::special_tokens::SpecialTokens;
use crate::ModelError;

/// Any text that every vocabulary can encode; continuations are decoded after it.
pub(super) const ANCHOR: &str = "a";

/// Largest file; those of large vocabularies list every added token.
const MAX_BYTES: u64 = 16 << 20;

/// Control tokens that transformers gives to chat templates as texts, besides bos and eos.
const OTHER_TOKENS: [&str; 5] = ["unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// What a directory says of its tokenizer.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenizerConfig {
    fields: Map<String, Value>,
    /// Whether the directory has the file.
    pub(crate) present: bool,
}

/// Tokens that a class of tokenizers puts around every text, whatever `tokenizer.json` says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Surroundings {
    first: Option<String>,
    last: Option<String>,
}

/// What a class of tokenizers assumes where the file says nothing.
struct Class {
    /// Name without `Tokenizer` and `Fast`.
    name: &'static str,
    bos: &'static str,
    eos: &'static str,
    add_bos: bool,
}

/// The classes of transformers that write the surroundings of a text themselves; those of version 4
/// do, which vLLM and TGI of that line feed, and those of version 5 leave them to `tokenizer.json`.
const CLASSES: [Class; 5] = [
    Class { name: "Llama", bos: "<s>", eos: "</s>", add_bos: true },
    Class { name: "CodeLlama", bos: "<s>", eos: "</s>", add_bos: true },
    Class { name: "Gemma", bos: "<bos>", eos: "<eos>", add_bos: true },
    Class { name: "Cohere", bos: "<BOS_TOKEN>", eos: "<|END_OF_TURN_TOKEN|>", add_bos: true },
    Class { name: "GPTNeoX", bos: "<|endoftext|>", eos: "<|endoftext|>", add_bos: false },
];

impl TokenizerConfig {
    /// Reads the file of a directory, and `special_tokens_map.json` where older versions of
    /// transformers kept the control tokens; nothing where there is neither.
    ///
    /// # Errors
    /// `Io`, or `Tokenizer` if a file is too large or no JSON object.
    pub(crate) fn read(dir: &Path) -> Result<Self, ModelError> {
        let config = object(&dir.join("tokenizer_config.json"))?;
        let (mut fields, present) = (config.clone().unwrap_or_default(), config.is_some());
        if !fields.contains_key("added_tokens_decoder") {
            for (name, token) in object(&dir.join("special_tokens_map.json"))?.unwrap_or_default() {
                fields.entry(name).or_insert(token);
            }
        }
        Ok(Self { fields, present })
    }

    /// The control tokens that chat templates see.
    pub(crate) fn special_tokens(&self) -> SpecialTokens {
        let text = |name: &str| self.token(name).map(str::to_owned);
        let class = self.class();
        // A field that is there and `null` means that there is no such token.
        let or_class = |name: &str, class: Option<&str>| match self.fields.contains_key(name) {
            true => text(name),
            false => class.map(str::to_owned),
        };
        let mut others = Map::new();
        for name in OTHER_TOKENS {
            if let Some(token) = self.token(name) {
                others.insert(name.to_owned(), json!(token));
            }
        }
        let list = self.fields.get("additional_special_tokens").and_then(Value::as_array);
        let list: Vec<&str> = list.into_iter().flatten().filter_map(content).collect();
        if !list.is_empty() {
            others.insert("additional_special_tokens".to_owned(), json!(list));
        }
        let named = self.fields.get("extra_special_tokens").and_then(Value::as_object);
        for (name, token) in named.into_iter().flatten() {
            if let Some(token) = content(token) {
                others.insert(name.clone(), json!(token));
            }
        }
        SpecialTokens {
            bos: or_class("bos_token", class.map(|class| class.bos)),
            eos: or_class("eos_token", class.map(|class| class.eos)),
            others,
        }
    }

    /// The template for chats without tools: the only one, or that named `default` of several.
    pub(crate) fn chat_template(&self) -> Option<&str> {
        let given = self.fields.get("chat_template")?;
        let Some(list) = given.as_array() else { return given.as_str() };
        let name = |entry: &'_ Value| -> Option<String> {
            entry.get("name").and_then(Value::as_str).map(str::to_owned)
        };
        let default = list.iter().find(|entry| name(entry).as_deref() == Some("default"));
        if default.is_none() {
            let names: Vec<String> = list.iter().filter_map(name).collect();
            tracing::warn!(
                "tokenizer_config.json has the chat templates {names:?} but none named `default`; \
                 the model can't be asked chats"
            );
        }
        default?.get("template")?.as_str()
    }

    /// Gives the tokenizer the surroundings that its class writes, where these are others than its
    /// own.
    ///
    /// # Errors
    /// `Tokenizer` if a token that is to stand around every text is missing.
    pub(crate) fn surround(&self, inner: &mut Tokenizer) -> Result<(), ModelError> {
        let Some(wanted) = self.surroundings()? else { return Ok(()) };
        let token = |text: Option<&String>| {
            let known = |text: &String| {
                let id = inner.token_to_id(text).ok_or_else(|| {
                    ModelError::tokenizer(format!(
                        "tokenizer_config.json puts `{text}` around every text, but tokenizer.json \
                         has no such token"
                    ))
                })?;
                Ok::<_, ModelError>((text.clone(), id))
            };
            text.map(known).transpose()
        };
        let (first, last) = (token(wanted.first.as_ref())?, token(wanted.last.as_ref())?);
        let ids = |text: &str, added| {
            let encoded = inner.encode_fast(text, added).map_err(|error| {
                ModelError::tokenizer(format!("cannot encode {text:?}: {error}")).because(error)
            })?;
            Ok::<_, ModelError>(encoded.get_ids().to_vec())
        };
        let own = ids(ANCHOR, true)?;
        let bare = ids(ANCHOR, false)?;
        let id = |token: &Option<(String, u32)>| token.as_ref().map(|(_, id)| *id);
        let found: Vec<u32> = id(&first).into_iter().chain(bare).chain(id(&last)).collect();
        if found == own {
            return Ok(());
        }
        tracing::warn!(
            "tokenizer_config.json and tokenizer.json disagree on what stands around a text: {} \
             before version 5 of transformers, which is done here, another thing from then on",
            wanted.described()
        );
        inner.with_post_processor(Some(template(first, last)?));
        Ok(())
    }

    fn surroundings(&self) -> Result<Option<Surroundings>, ModelError> {
        let Some(class) = self.class() else { return Ok(None) };
        let tokens = self.special_tokens();
        let flag = |name: &str, default: bool| {
            self.fields.get(name).map_or(default, |given| given.as_bool().unwrap_or(false))
        };
        let token = |wanted: bool, name: &str, text: Option<String>| match (wanted, text) {
            (false, _) => Ok(None),
            (true, Some(text)) => Ok(Some(text)),
            (true, None) => Err(ModelError::tokenizer(format!(
                "tokenizer_config.json asks for the {name} around every text and says that there is \
                 none"
            ))),
        };
        Ok(Some(Surroundings {
            first: token(flag("add_bos_token", class.add_bos), "bos_token", tokens.bos)?,
            last: token(flag("add_eos_token", false), "eos_token", tokens.eos)?,
        }))
    }

    fn class(&self) -> Option<&'static Class> {
        let named = self.fields.get("tokenizer_class")?.as_str()?;
        let name = named.strip_suffix("Fast").unwrap_or(named).strip_suffix("Tokenizer")?;
        CLASSES.iter().find(|class| class.name == name)
    }

    fn token(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(content)
    }
}

impl Surroundings {
    fn described(&self) -> String {
        let token = |text: &Option<String>| {
            text.as_ref().map_or_else(|| "nothing".to_owned(), |text| format!("`{text}`"))
        };
        format!("{} before it and {} after it", token(&self.first), token(&self.last))
    }
}

/// A control token is a text, or an object with its text.
fn content(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}

/// The object in a file; `None` if there is no such file.
fn object(path: &Path) -> Result<Option<Map<String, Value>>, ModelError> {
    if !path.is_file() {
        return Ok(None);
    }
    let size = path.metadata().map_err(ModelError::io(path))?.len();
    let invalid = |what: String| ModelError::tokenizer(format!("{} {what}", path.display()));
    if size > MAX_BYTES {
        return Err(invalid(format!("has {size} bytes, at most {MAX_BYTES} are accepted")));
    }
    let text = std::fs::read_to_string(path).map_err(ModelError::io(path))?;
    match lenient::parse(&text) {
        Ok(Value::Object(object)) => Ok(Some(object)),
        Ok(_) => Err(invalid("is no JSON object".to_owned())),
        Err(error) => Err(invalid(format!("is no JSON: {error}")).because(error)),
    }
}

/// The step that puts the tokens around a text, by way of its JSON: its own notation can't express
/// every token.
fn template(
    first: Option<(String, u32)>,
    last: Option<(String, u32)>,
) -> Result<PostProcessorWrapper, ModelError> {
    let piece = |token: &Option<(String, u32)>, side: u32| {
        token.as_ref().map(|(text, _)| json!({ "SpecialToken": { "id": text, "type_id": side } }))
    };
    let around = |name: &str, side: u32| {
        let text = json!({ "Sequence": { "id": name, "type_id": side } });
        let pieces = piece(&first, side).into_iter().chain([text]).chain(piece(&last, side));
        pieces.collect::<Vec<Value>>()
    };
    let tokens = first.iter().chain(&last);
    let tokens = tokens
        .map(|(text, id)| (text.clone(), json!({ "id": text, "ids": [id], "tokens": [text] })));
    let pair = [around("A", 0), around("B", 1)].concat();
    let described = json!({
        "type": "TemplateProcessing",
        "single": around("A", 0),
        "pair": pair,
        "special_tokens": tokens.collect::<Map<String, Value>>(),
    });
    serde_json::from_value(described).map_err(|error| {
        ModelError::tokenizer(format!("cannot put tokens around a text: {error}")).because(error)
    })
}
