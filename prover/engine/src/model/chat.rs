//! Chat templates: how a model's own program turns messages into the text that the model reads.
//!
//! Templates are Jinja, as Hugging Face transformers reads them from `chat_template.jinja` or
//! `tokenizer_config.json`. They come with the model, so they are not trusted: their length and the
//! work of one rendering are bounded, and they can reach no file. `strftime_now` is left undefined:
//! a prompt that changes with the date would not be one prompt, and templates have a fixed date for
//! that case.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value as Given, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

use super::prompt::Message;
use crate::ModelError;

/// Longest template; the longest in use have about 20 KiB.
const MAX_BYTES: usize = 256 << 10;

/// Largest `tokenizer_config.json`; those of large vocabularies list every added token.
const MAX_CONFIG_BYTES: u64 = 16 << 20;

/// Instructions of one rendering; real templates take some hundred per message.
const FUEL: u64 = 1_000_000;

/// Name under which the template is compiled; only messages show it.
const NAME: &str = "chat_template";

/// A model's way to write a chat down.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    source: Arc<str>,
    tokens: SpecialTokens,
}

/// Texts of control tokens that templates name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Starts a sequence.
    pub bos: Option<String>,
    /// Ends an answer.
    pub eos: Option<String>,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Compiles a template.
    ///
    /// # Errors
    /// `ChatTemplate` if it is too long or no Jinja.
    pub fn new(source: &str, tokens: SpecialTokens) -> Result<Self, ModelError> {
        if source.len() > MAX_BYTES {
            return Err(ModelError::chat_template(format!(
                "it has {} bytes, at most {MAX_BYTES} are accepted",
                source.len()
            )));
        }
        let mut environment = Environment::new();
        let mut syntax = SyntaxConfig::builder();
        let syntax = syntax.trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(invalid)?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function("raise_exception", |reason: String| {
            Err::<String, _>(minijinja::Error::new(ErrorKind::InvalidOperation, reason))
        });
        environment.add_template_owned(NAME, without_generation_marks(source)).map_err(invalid)?;
        Ok(Self { environment: Arc::new(environment), source: source.into(), tokens })
    }

    /// Reads the template of a model directory; `None` if the model has none.
    ///
    /// # Errors
    /// `Io`, or `ChatTemplate` if what is there can't be used.
    pub fn read(dir: &Path) -> Result<Option<Self>, ModelError> {
        let config = read_config(&dir.join("tokenizer_config.json"))?;
        let tokens =
            SpecialTokens { bos: token(&config, "bos_token"), eos: token(&config, "eos_token") };
        let file = dir.join("chat_template.jinja");
        if file.is_file() {
            let size = file.metadata().map_err(ModelError::io(&file))?.len();
            if size > MAX_BYTES as u64 {
                return Err(ModelError::chat_template(format!(
                    "{}: {size} bytes, at most {MAX_BYTES}",
                    file.display()
                )));
            }
            let source = std::fs::read_to_string(&file).map_err(ModelError::io(&file))?;
            return Self::new(&source, tokens).map(Some);
        }
        default_template(&config).map(|source| Self::new(source, tokens)).transpose()
    }

    /// The text that the model reads before its answer to the messages.
    ///
    /// # Errors
    /// `ChatTemplate` with what the template says against the messages, or why it can't be run.
    pub fn render(&self, messages: &[Message]) -> Result<String, ModelError> {
        let template = self.environment.get_template(NAME).map_err(invalid)?;
        let given: Vec<Given> = messages
            .iter()
            .map(|m| {
                Given::from_pairs([("role", m.role.as_str()), ("content", m.content.as_str())])
            })
            .collect();
        let given = context! {
            messages => given,
            add_generation_prompt => true,
            bos_token => self.tokens.bos.as_deref().unwrap_or_default(),
            eos_token => self.tokens.eos.as_deref().unwrap_or_default(),
        };
        template.render(given).map_err(invalid)
    }

    /// Text of the template.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Texts of the control tokens that the template names.
    #[must_use]
    pub const fn tokens(&self) -> &SpecialTokens {
        &self.tokens
    }
}

fn invalid(error: minijinja::Error) -> ModelError {
    ModelError::chat_template(error.to_string()).because(error)
}

fn read_config(path: &Path) -> Result<Value, ModelError> {
    if !path.is_file() {
        return Ok(Value::Null);
    }
    let size = path.metadata().map_err(ModelError::io(path))?.len();
    if size > MAX_CONFIG_BYTES {
        return Err(ModelError::chat_template(format!(
            "{}: {size} bytes, at most {MAX_CONFIG_BYTES}",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(ModelError::io(path))?;
    serde_json::from_str(&text).map_err(|error| {
        ModelError::chat_template(format!("{} is no JSON: {error}", path.display())).because(error)
    })
}

/// A control token is a text, or an object with its text.
fn token(config: &Value, name: &str) -> Option<String> {
    let token = config.get(name)?;
    token.as_str().or_else(|| token.get("content")?.as_str()).map(str::to_owned)
}

/// The template is a text, or a list of named ones of which `default` is for chats without tools.
fn default_template(config: &Value) -> Option<&str> {
    let given = config.get("chat_template")?;
    let named = |list: &'_ Vec<Value>| -> Option<usize> {
        list.iter().position(|entry| entry.get("name").and_then(Value::as_str) == Some("default"))
    };
    given.as_str().or_else(|| {
        let list = given.as_array()?;
        list.get(named(list)?)?.get("template")?.as_str()
    })
}

/// Training programs mark answers with `generation` blocks, a tag that Jinja does not know; they
/// write nothing.
fn without_generation_marks(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let tag = &rest[start + 2..start + length];
        let (left, right) = (tag.starts_with('-'), tag.ends_with('-'));
        let block = match tag.trim_matches(['-', ' ', '\n', '\t']) {
            "generation" => Some("if true"),
            "endgeneration" => Some("endif"),
            _ => None,
        };
        out.push_str(&rest[..start]);
        match block {
            Some(block) => {
                let dash = |there: bool| if there { "-" } else { "" };
                out.push_str(&format!("{{%{} {block} {}%}}", dash(left), dash(right)));
            }
            None => out.push_str(&rest[start..start + length + 2]),
        }
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHATML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'].strip() + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    fn chat() -> [Message; 2] {
        [Message::new("system", "Be brief."), Message::new("user", " Hi ")]
    }

    #[test]
    fn common_templates_render_as_in_python() {
        let template = ChatTemplate::new(CHATML, SpecialTokens::default()).unwrap();
        assert_eq!(
            template.render(&chat()).unwrap(),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        );
        let instruct = "{{ bos_token }}{% for m in messages %}\n    {%- if m.role == 'user' -%}\n[INST] {{ m.content | trim }} [/INST]\n    {%- elif m.role == 'assistant' -%}\n{{ m.content }}{{ eos_token }}\n    {%- else -%}\n        {{ raise_exception('only user and assistant') }}\n    {%- endif %}\n{%- endfor %}";
        let tokens = SpecialTokens { bos: Some("<s>".to_owned()), eos: Some("</s>".to_owned()) };
        let template = ChatTemplate::new(instruct, tokens).unwrap();
        assert_eq!(template.render(&chat()[1..]).unwrap(), "<s>[INST] Hi [/INST]");
        let refused = template.render(&chat()).unwrap_err().to_string();
        assert!(refused.contains("only user and assistant"), "{refused}");
    }

    #[test]
    fn marks_of_training_programs_write_nothing() {
        let source = "{% for m in messages %}{%- generation -%} {{ m.content }} {%- endgeneration %}{% endfor %}";
        let template = ChatTemplate::new(source, SpecialTokens::default()).unwrap();
        assert_eq!(template.render(&[Message::new("user", "a")]).unwrap(), "a");
    }

    #[test]
    fn directories_are_read_in_every_form() {
        let dir = tempfile::tempdir().unwrap();
        assert!(ChatTemplate::read(dir.path()).unwrap().is_none());
        let config = dir.path().join("tokenizer_config.json");
        let read = |text: &str| {
            std::fs::write(&config, text).unwrap();
            ChatTemplate::read(dir.path())
        };
        assert!(read(r#"{"bos_token": "<s>"}"#).unwrap().is_none());
        let text = r#"{"bos_token": {"content": "<s>"}, "chat_template": "{{ bos_token }}!"}"#;
        assert_eq!(read(text).unwrap().unwrap().render(&[]).unwrap(), "<s>!");
        let text = r#"{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}"#;
        assert_eq!(read(text).unwrap().unwrap().render(&[]).unwrap(), "d");
        std::fs::write(dir.path().join("chat_template.jinja"), "own file").unwrap();
        assert_eq!(read(text).unwrap().unwrap().render(&[]).unwrap(), "own file");
        assert!(read("{").unwrap_err().to_string().contains("tokenizer_config.json is no JSON"));
    }

    #[test]
    fn hostile_templates_cost_little() {
        let tokens = SpecialTokens::default;
        let broken = ChatTemplate::new("{% for %}", tokens()).unwrap_err();
        assert!(matches!(broken, ModelError::ChatTemplate { .. }));
        assert!(ChatTemplate::new(&"x".repeat(MAX_BYTES + 1), tokens()).is_err());
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}";
        let error = ChatTemplate::new(endless, tokens()).unwrap().render(&[]).unwrap_err();
        assert!(error.to_string().contains("fuel"), "{error}");
        let files = ChatTemplate::new("{% include '/etc/passwd' %}", tokens()).unwrap();
        assert!(files.render(&[]).is_err());
        let recursive = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
        assert!(ChatTemplate::new(recursive, tokens()).unwrap().render(&[]).is_err());
    }
}
