//! Chat templates: how a model's own program turns messages into the text that the model reads.
//!
//! Templates are Jinja, as Hugging Face transformers reads them from `chat_template.jinja` or
//! `tokenizer_config.json`. They see the variables, filters and functions that they see there, and
//! write the same text. They come with the model, so they are not trusted: their length and the
//! work of one rendering are bounded, and they can reach no file.

mod date;
mod json;
mod python;
mod source;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value as Given};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::prompt::Message;
use super::special_tokens::SpecialTokens;
use super::tokenizer_config::TokenizerConfig;
use crate::ModelError;

/// Longest template; the longest in use have about 20 KiB.
const MAX_BYTES: usize = 256 << 10;

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
        add_python(&mut environment);
        let rewritten = source::rewritten(source).map_err(ModelError::chat_template)?;
        environment.add_template_owned(NAME, rewritten).map_err(invalid)?;
        if source.contains("strftime_now") {
            tracing::warn!(
                "the chat template writes the date, so the prompt of one chat changes from day to \
                 day, here as on servers (here by UTC)"
            );
        }
        Ok(Self { environment: Arc::new(environment), source: source.into(), tokens })
    }

    /// Reads the template of a model directory; `None` if the model has none.
    ///
    /// # Errors
    /// `Io`, `Tokenizer`, or `ChatTemplate` if what is there can't be used.
    pub fn read(dir: &Path) -> Result<Option<Self>, ModelError> {
        Self::of_directory(dir, &TokenizerConfig::read(dir)?)
    }

    /// As [`ChatTemplate::read`], with what the directory says of its tokenizer.
    pub(crate) fn of_directory(
        dir: &Path,
        config: &TokenizerConfig,
    ) -> Result<Option<Self>, ModelError> {
        let tokens = config.special_tokens();
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
        config.chat_template().map(|source| Self::new(source, tokens)).transpose()
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
        let mut context = vec![
            ("messages", Given::from(given)),
            ("add_generation_prompt", Given::from(true)),
            ("tools", Given::from(())),
            ("documents", Given::from(())),
        ];
        for (name, token) in [("bos_token", &self.tokens.bos), ("eos_token", &self.tokens.eos)] {
            // A token that there is not is undefined, not empty: templates ask.
            context.extend(token.as_deref().map(|text| (name, Given::from(text))));
        }
        for (name, token) in &self.tokens.others {
            let token = match token {
                Value::Array(list) => {
                    let texts = list.iter().filter_map(Value::as_str);
                    Given::from_iter(texts.map(str::to_owned))
                }
                other => Given::from(other.as_str().unwrap_or_default()),
            };
            context.push((name, token));
        }
        let context: Given = context.into_iter().collect::<BTreeMap<_, _>>().into();
        template.render(context).map_err(invalid)
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

/// Gives templates the functions, filters and tests that transformers gives them, as Python's Jinja
/// has them.
fn add_python(environment: &mut Environment<'_>) {
    let refused = |reason: String| minijinja::Error::new(ErrorKind::InvalidOperation, reason);
    environment.set_unknown_method_callback(python::method);
    environment.add_filter("striptags", minijinja_contrib::filters::striptags);
    environment.add_filter("filesizeformat", minijinja_contrib::filters::filesizeformat);
    environment.add_function("joiner", minijinja_contrib::globals::joiner);
    environment.add_filter("indent", python::indent);
    environment.add_filter("truncate", python::truncate);
    environment.add_filter("center", python::center);
    environment.add_filter("int", python::int);
    environment.add_filter("float", python::float);
    environment.add_filter("wordcount", python::wordcount);
    environment.add_filter("urlencode", python::urlencode);
    environment.add_filter("forceescape", python::forceescape);
    environment.add_test("callable", python::is_callable);
    environment.add_filter("tojson", json::tojson);
    environment.add_filter("escape", python::escape);
    environment.add_filter("e", python::escape);
    environment.add_test("sequence", python::is_sequence);
    environment.add_test("integer", python::is_integer);
    environment.add_function("raise_exception", move |reason: Given| {
        Err::<Given, _>(refused(reason.to_string()))
    });
    environment.add_function("strftime_now", move |format: String| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        date::strftime(now, &format).map_err(refused)
    });
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
        let tokens = SpecialTokens {
            bos: Some("<s>".to_owned()),
            eos: Some("</s>".to_owned()),
            ..SpecialTokens::default()
        };
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
