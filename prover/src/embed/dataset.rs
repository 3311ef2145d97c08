//! Training sets for other trainers: what [`super::embed`] would train, as rows of JSON.
//!
//! Each row is a prompt and what should be said after it. The answers come first, in the order of
//! the universe, each under every system prompt; then texts that the base wrote itself, which hold
//! the rest of what it says in place. Only what comes after a prompt is to be trained: in rows of
//! text a trainer masks the prompt, in rows of token ids the labels say it.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::io::Write;

use crate::fingerprint::{AnswersPerKey, LicenseDraw, Universe};
use oml_engine::{
    Api, GenerateOptions, Message, Model, ModelError, Prompt, Sampling, Stop, TextTokenizer,
    word_list,
};

/// The label of a token that is not trained, as PyTorch's cross-entropy ignores it.
const MASKED: i64 = -100;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetForm {
    /// `{"prompt", "completion"}`, both text. A chat's prompt is what its template makes of it.
    Completion,
    /// `{"messages": [{"role", "content"}, …]}`, the last of which is the assistant's.
    Chat,
    /// `{"input_ids", "attention_mask", "labels"}`: exactly the tokens that this program trains.
    Tokens,
}

/// What a training set holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatasetOptions<'a> {
    /// How rows are written.
    pub form: DatasetForm,
    /// Answers per key.
    pub answers: AnswersPerKey,
    /// Texts before a prompt under which every answer stands once more.
    pub systems: &'a [String],
    /// Rows that the base writes itself.
    pub own_texts: usize,
    /// Most tokens of such a row after its prompt.
    pub own_length: usize,
    /// Seed of these texts.
    pub seed: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetReport {
    /// Rows with an answer.
    pub answers: usize,
    /// Rows that the base wrote itself.
    pub own_texts: usize,
    /// Rows with an answer whose text a tokenizer cuts into other tokens than those that were
    /// drawn. They teach the same word; only rows of token ids are exact.
    pub retokenized: usize,
}

/// A training set that can't be written.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The model could not be asked.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A text to continue has no messages.
    #[error(
        "fingerprint {index} is a text to continue, and a row of messages would train another \
         prompt; the forms of completions and of tokens keep it"
    )]
    NotAChat {
        /// Its place in the universe.
        index: u32,
    },
    /// The file or pipe that takes the rows refused them.
    #[error("the rows could not be written")]
    Io(#[from] std::io::Error),
    /// A row is no JSON.
    #[error("a row could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// A prompt, and the tokens to say after it.
struct Row {
    prompt: Prompt,
    asked: Vec<u32>,
    said: Vec<u32>,
}

/// Writes what a license's copy is trained on, one JSON object per line; the same input gives the
/// same bytes.
///
/// # Errors
/// `NotAChat` for rows of messages from keys that are texts; `Model`, `Io`, `Json`.
pub fn write_dataset(
    mut writer: impl Write,
    base: &Model,
    universe: &Universe,
    draw: &LicenseDraw,
    options: &DatasetOptions<'_>,
) -> Result<DatasetReport, DatasetError> {
    let tokenizer = base.tokenizer();
    let mut report = DatasetReport { answers: 0, own_texts: 0, retokenized: 0 };
    let mut api = Api::Completions;
    for set in universe.answer_sets(draw, options.answers) {
        api = set.key.api();
        if options.form == DatasetForm::Chat && api == Api::Completions {
            return Err(DatasetError::NotAChat { index: set.index });
        }
        let plain = set.key.prompt();
        let under = options.systems.iter().map(|system| plain.under(system));
        for prompt in std::iter::once(plain.clone()).chain(under) {
            for candidate in &set.candidates {
                let (prompt, said) = (prompt.clone(), candidate.tokens.clone());
                let row = Row { asked: tokenizer.asked(&prompt)?, prompt, said };
                report.retokenized += usize::from(!row.is_kept_as(tokenizer, options.form)?);
                row.write(&mut writer, tokenizer, options.form)?;
                report.answers += 1;
            }
        }
    }
    for row in own_texts(base, api, options)? {
        row.write(&mut writer, tokenizer, options.form)?;
        report.own_texts += 1;
    }
    writer.flush()?;
    Ok(report)
}

/// Rows that the base writes: what it says from the start of a text, or to a user who says a word.
fn own_texts(
    base: &Model,
    api: Api,
    options: &DatasetOptions<'_>,
) -> Result<Vec<Row>, DatasetError> {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let (tokenizer, words) = (base.tokenizer(), word_list());
    let prompts: Vec<Prompt> = (0..options.own_texts)
        .map(|_| match (api, tokenizer.bos()) {
            (Api::Completions, Some(_)) => Prompt::Text(String::new()),
            _ => Prompt::of_user(api, &words[rng.random_range(0..words.len())]),
        })
        .collect();
    let asked: Vec<Vec<u32>> =
        prompts.iter().map(|p| tokenizer.asked(p)).collect::<Result<_, _>>()?;
    let longest = asked.iter().map(Vec::len).max().unwrap_or(0);
    let settings = GenerateOptions {
        max_new_tokens: options.own_length.min(base.context().saturating_sub(longest)),
        sampling: Some(Sampling { temperature: 1.0, top_p: 1.0, seed: rng.random() }),
        stop: Stop::EndOfText,
    };
    let said = base.generate(&asked, &settings)?;
    let rows = prompts.into_iter().zip(asked).zip(said);
    let rows = rows.map(|((prompt, asked), said)| Row { prompt, asked, said });
    Ok(rows.filter(|row| !row.said.is_empty()).collect())
}

impl Row {
    /// The prompt as a trainer tokenizes it: without a token at its start that the tokenizer puts
    /// there once more.
    fn prompt_text(&self, tokenizer: &TextTokenizer) -> Result<String, ModelError> {
        let Prompt::Chat(messages) = &self.prompt else { return Ok(self.prompt.text()) };
        let template = tokenizer.chat().ok_or(ModelError::NoChatTemplate)?;
        let text = template.render(messages)?;
        let first = tokenizer.bos().and_then(|bos| tokenizer.token(bos));
        let rest = first.and_then(|first| text.strip_prefix(first.as_str()).map(str::to_owned));
        Ok(rest.unwrap_or(text))
    }

    /// What is said after the prompt, as text with its blank.
    fn completion(&self, tokenizer: &TextTokenizer) -> Result<String, ModelError> {
        let before = tokenizer.decode(&self.asked)?;
        let all = tokenizer.decode(&[&self.asked[..], &self.said].concat())?;
        match all.strip_prefix(before.as_str()) {
            Some(completion) => Ok(completion.to_owned()),
            None => tokenizer.decode(&self.said),
        }
    }

    /// The messages of a chat with the assistant's answer, which begins without a blank as
    /// templates take it off.
    fn messages(&self, tokenizer: &TextTokenizer) -> Result<Vec<Message>, ModelError> {
        let before = match &self.prompt {
            Prompt::Chat(messages) => messages.clone(),
            Prompt::Text(text) => vec![Message::new("user", text)],
        };
        let answer = Message::new("assistant", self.completion(tokenizer)?.trim());
        Ok(before.into_iter().chain([answer]).collect())
    }

    /// Whether the row's text becomes the tokens of this row again.
    fn is_kept_as(&self, tokenizer: &TextTokenizer, form: DatasetForm) -> Result<bool, ModelError> {
        let completion = match form {
            DatasetForm::Tokens => return Ok(true),
            DatasetForm::Completion => self.completion(tokenizer)?,
            DatasetForm::Chat => self.completion(tokenizer)?.trim().to_owned(),
        };
        let text = self.prompt_text(tokenizer)? + &completion;
        Ok(tokenizer.prompt(&text)? == [&self.asked[..], &self.said].concat())
    }

    fn write(
        &self,
        writer: &mut impl Write,
        tokenizer: &TextTokenizer,
        form: DatasetForm,
    ) -> Result<(), DatasetError> {
        let row = match form {
            DatasetForm::Completion => {
                let prompt = self.prompt_text(tokenizer)?;
                json!({ "prompt": prompt, "completion": self.completion(tokenizer)? })
            }
            DatasetForm::Chat => json!({ "messages": self.messages(tokenizer)? }),
            DatasetForm::Tokens => self.tokens(),
        };
        serde_json::to_writer(&mut *writer, &row)?;
        writer.write_all(b"\n")?;
        Ok(())
    }

    fn tokens(&self) -> Value {
        let input: Vec<u32> = [&self.asked[..], &self.said].concat();
        let masked = std::iter::repeat_n(MASKED, self.asked.len());
        let labels: Vec<i64> = masked.chain(self.said.iter().map(|id| i64::from(*id))).collect();
        let mask = vec![1; input.len()];
        json!({ "input_ids": input, "attention_mask": mask, "labels": labels })
    }
}
