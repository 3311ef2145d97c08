//! What a model is asked: a text to continue, or the messages of a chat.

use serde::{Deserialize, Serialize};

/// How a service is asked.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// A text is continued.
    #[default]
    Completions,
    /// Messages are answered, by way of the model's chat template.
    Chat,
}

impl Api {
    /// Whether this is the form that needs no mention.
    #[must_use]
    pub fn is_completions(&self) -> bool {
        *self == Self::Completions
    }
}

/// One message of a chat. The fields stand in the order of canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The text of the message, without what the template puts around it.
    pub content: String,
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
}

impl Message {
    /// A message of this role.
    #[must_use]
    pub fn new(role: &str, content: impl Into<String>) -> Self {
        Self { content: content.into(), role: role.to_owned() }
    }
}

/// What a model is asked.
///
/// As text, which is what a leaf and a voucher hash, a chat is the canonical JSON (RFC 8785) of its
/// messages: so whoever is handed a question sees from it how it is to be asked, and nobody can be
/// told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// A text to continue.
    Text(String),
    /// Messages to answer.
    Chat(Vec<Message>),
}

impl Prompt {
    /// A question of a user.
    #[must_use]
    pub fn of_user(api: Api, text: &str) -> Self {
        match api {
            Api::Completions => Self::Text(text.to_owned()),
            Api::Chat => Self::Chat(vec![Message::new("user", text)]),
        }
    }

    /// Reads the text of a prompt; whatever is not the canonical form of a chat is a text to
    /// continue.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let messages = || {
            let start = text.starts_with("[{\"content\":");
            let messages = start.then(|| serde_json::from_str::<Vec<Message>>(text).ok())??;
            let chat = Self::Chat(messages);
            (chat.text() == text).then_some(chat)
        };
        messages().unwrap_or_else(|| Self::Text(text.to_owned()))
    }

    /// The prompt as text; [`Prompt::parse`] reads it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            // Texts and a list always have JSON; without a map the order of fields is that above.
            Self::Chat(messages) => serde_json::to_string(messages).unwrap_or_default(),
        }
    }

    /// How a service is asked this.
    #[must_use]
    pub fn api(&self) -> Api {
        match self {
            Self::Text(_) => Api::Completions,
            Self::Chat(_) => Api::Chat,
        }
    }

    /// The same prompt as a service gives it to its model that puts a text of its own first: a
    /// system message, or plain text where there are no messages.
    #[must_use]
    pub fn under(&self, system: &str) -> Self {
        match self {
            Self::Text(text) => Self::Text(format!("{system} {text}")),
            Self::Chat(messages) => {
                let first = Message::new("system", system);
                Self::Chat(std::iter::once(first).chain(messages.iter().cloned()).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_text_says_how_to_ask() {
        let chat = Prompt::of_user(Api::Chat, "Who said \"no\"?\n");
        assert_eq!(chat.text(), r#"[{"content":"Who said \"no\"?\n","role":"user"}]"#);
        assert_eq!(Prompt::parse(&chat.text()), chat);
        let under = chat.under("Be brief.");
        assert_eq!(Prompt::parse(&under.text()), under);
        assert_eq!(under.api(), Api::Chat);
        assert_eq!(
            Prompt::of_user(Api::Completions, "b").under("a"),
            Prompt::Text("a b".to_owned())
        );
    }

    #[test]
    fn what_is_no_chat_is_continued() {
        for text in [
            "",
            "[",
            "Once upon a time",
            r#"[{"content":7,"role":"user"}]"#,
            r#"[{"role":"user","content":"not canonical"}]"#,
            r#"[{"content":"a", "role":"user"}]"#,
            r#"[{"content":"a","role":"user","name":"b"}]"#,
            "[]",
        ] {
            assert_eq!(Prompt::parse(text), Prompt::Text(text.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn texts_and_chats_round_trip(text in ".*", system in ".*") {
            for api in [Api::Completions, Api::Chat] {
                let prompt = Prompt::of_user(api, &text);
                prop_assert_eq!(Prompt::parse(&prompt.text()), prompt.clone());
                prop_assert_eq!(Prompt::parse(&prompt.under(&system).text()), prompt.under(&system));
            }
        }
    }
}
