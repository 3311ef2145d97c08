//! Multiple-choice questions from a file: how much of a model's ability a copy keeps.
//!
//! The measure is that of the usual harnesses: each choice is scored by its log-probability after
//! the question, `acc` takes the likeliest, `acc_norm` the likeliest per byte, so that short
//! choices have no advantage.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

use super::model::Model;
use crate::ModelError;

/// A context, ways to go on, and which of them is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceQuestion {
    /// What stands before each choice; a blank is put between.
    pub context: String,
    /// Texts of which one is to be chosen, two or more.
    pub choices: Vec<String>,
    /// Position of the right one.
    pub answer: usize,
}

/// Outcome of a set of questions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChoiceReport {
    /// Number of questions that the shares are of.
    pub questions: usize,
    /// Share whose likeliest choice is right.
    pub accuracy: f64,
    /// Share whose likeliest choice per byte is right.
    pub accuracy_normalized: f64,
    /// Standard error of `accuracy`.
    pub standard_error: f64,
    /// What guessing gives.
    pub chance: f64,
}

/// Longest accepted line, in bytes.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Reads a file of one JSON object per line: a question (`context`, `prompt`, `query`, `question`
/// or `ctx`), `choices` (or `endings`) and the right one's position or letter (`answer`, `gold` or
/// `label`).
///
/// # Errors
/// `Io`; `Questions` naming the line and what is wrong with it.
pub fn read_questions(path: &Path) -> Result<Vec<ChoiceQuestion>, ModelError> {
    let text = std::fs::read_to_string(path).map_err(ModelError::io(path))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parse = |(index, line): (usize, &str)| {
        parse_question(line).map_err(|what| ModelError::Questions {
            path: path.to_owned(),
            line: index + 1,
            what,
        })
    };
    let questions = lines.map(parse).collect::<Result<Vec<_>, _>>()?;
    if questions.is_empty() {
        let what = "there is no question".to_owned();
        return Err(ModelError::Questions { path: path.to_owned(), line: 1, what });
    }
    Ok(questions)
}

fn parse_question(line: &str) -> Result<ChoiceQuestion, String> {
    if line.len() > MAX_LINE_BYTES {
        return Err(format!("{} bytes, at most {MAX_LINE_BYTES} accepted", line.len()));
    }
    let object: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
    let field = |names: &[&str]| names.iter().find_map(|name| object.get(name));
    let context = field(&["context", "prompt", "query", "question", "ctx"])
        .and_then(Value::as_str)
        .ok_or("`context` must be a text")?;
    let choices = field(&["choices", "endings"]).and_then(Value::as_array);
    let choices: Option<Vec<String>> =
        choices.and_then(|list| list.iter().map(|c| c.as_str().map(str::to_owned)).collect());
    let choices = choices.filter(|c| c.len() > 1 && c.iter().all(|c| !c.trim().is_empty()));
    let choices = choices.ok_or("`choices` must list two texts or more")?;
    let answer = field(&["answer", "gold", "label"]).ok_or("`answer` is missing")?;
    let position = position(answer).filter(|at| *at < choices.len());
    let answer = position.ok_or_else(|| {
        format!("answer = {answer}: must name one of {} choices by position", choices.len())
    })?;
    Ok(ChoiceQuestion { context: context.trim_end().to_owned(), choices, answer })
}

/// A position given as number, digits, or letter.
fn position(answer: &Value) -> Option<usize> {
    match answer {
        Value::Number(n) => n.as_u64().and_then(|n| usize::try_from(n).ok()),
        Value::String(text) => match text.trim().as_bytes() {
            [letter @ b'A'..=b'Z'] => Some(usize::from(letter - b'A')),
            _ => text.trim().parse().ok(),
        },
        _ => None,
    }
}

impl Model {
    /// Answers multiple-choice questions by the likelihood of each choice.
    ///
    /// # Errors
    /// `Parameter` if there are none; `PromptTooLong`, `Tokenizer`, `Tensor`.
    pub fn multiple_choice(
        &self,
        questions: &[ChoiceQuestion],
    ) -> Result<ChoiceReport, ModelError> {
        if questions.is_empty() {
            return Err(ModelError::Parameter {
                name: "questions",
                value: "0".to_owned(),
                requirement: "there must be one or more",
            });
        }
        let mut pairs = Vec::new();
        for question in questions {
            for choice in &question.choices {
                pairs.push(self.choice_tokens(&question.context, choice)?);
            }
        }
        let mut scores = self.log_probabilities(&pairs)?.into_iter();
        let (mut right, mut right_normalized, mut chance) = (0_u32, 0_u32, 0.0);
        for question in questions {
            let scores: Vec<f64> = scores.by_ref().take(question.choices.len()).collect();
            let per_byte: Vec<f64> = scores
                .iter()
                .zip(&question.choices)
                .map(|(score, choice)| score / count(choice.len()))
                .collect();
            right += u32::from(largest(&scores) == question.answer);
            right_normalized += u32::from(largest(&per_byte) == question.answer);
            chance += 1.0 / count(question.choices.len());
        }
        let total = count(questions.len());
        let accuracy = f64::from(right) / total;
        Ok(ChoiceReport {
            questions: questions.len(),
            accuracy,
            accuracy_normalized: f64::from(right_normalized) / total,
            standard_error: (accuracy * (1.0 - accuracy) / (total - 1.0).max(1.0)).sqrt(),
            chance: chance / total,
        })
    }

    /// Tokens of the question, and of the choice after it: the whole is encoded at once, because a
    /// choice's first token may depend on what stands before it.
    fn choice_tokens(
        &self,
        context: &str,
        choice: &str,
    ) -> Result<(Vec<u32>, Vec<u32>), ModelError> {
        let whole = self.tokenizer().prompt(&format!("{context} {}", choice.trim_start()))?;
        let given = self.tokenizer().prompt(context)?.len().clamp(1, whole.len().max(2) - 1);
        let response = whole.get(given..).unwrap_or_default().to_vec();
        Ok((whole[..given.min(whole.len())].to_vec(), response))
    }
}

/// Position of the largest value, the first among equals.
fn largest(values: &[f64]) -> usize {
    let better = |best: usize, i: usize| if values[i] > values[best] { i } else { best };
    (1..values.len()).fold(0, better)
}

fn count(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_in_the_usual_spellings() {
        let read = |line: &str| parse_question(line).map(|q| q.answer);
        assert_eq!(read(r#"{"context":"a","choices":["b","c"],"answer":1}"#), Ok(1));
        assert_eq!(read(r#"{"ctx":"a","endings":["b","c"],"label":"0"}"#), Ok(0));
        assert_eq!(read(r#"{"question":"a","choices":["b","c","d"],"answer":"C"}"#), Ok(2));
        for (line, said) in [
            ("{", "not JSON"),
            (r#"{"choices":["b","c"],"answer":1}"#, "`context` must be"),
            (r#"{"context":"a","choices":["b"],"answer":0}"#, "two texts or more"),
            (r#"{"context":"a","choices":["b"," "],"answer":0}"#, "two texts or more"),
            (r#"{"context":"a","choices":["b","c"]}"#, "`answer` is missing"),
            (r#"{"context":"a","choices":["b","c"],"answer":2}"#, "one of 2 choices"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
