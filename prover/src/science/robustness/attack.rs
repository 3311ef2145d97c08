//! What hosts do to copies.

use std::fmt;
use std::str::FromStr;

use super::weights::{fine_tuned, merged, pruned, rounded};
use super::{RobustnessError, ServedModel, Serving};
use oml_engine::Model;

/// Something a host does to a copy before or while serving it.
#[derive(Debug, Clone, PartialEq)]
pub enum Attack {
    /// The copy is served as it was sold.
    None,
    /// Sampling at a temperature.
    Temperature(f32),
    /// A system prompt or other text before every prompt.
    Prefix(String),
    /// Matrices rounded to integers of 8 or 4 bits.
    Round(u8),
    /// The smallest share of every matrix's weights set to zero.
    Prune(f64),
    /// Linear merge with the base model; the share of the copy is given.
    Merge(f64),
    /// Fine-tuning on other text for a number of steps.
    FineTune(usize),
    /// At the first position of an answer, the top token dropped if its probability is above this,
    /// and its neighbors by prefix.
    Suppress(f32),
}

impl Attack {
    /// The copy as it is served after the attack; `texts` are what fine-tuning trains on.
    ///
    /// # Errors
    /// `OtherModel` if base and copy can't be merged; `Attack`, `Model`.
    pub(crate) fn apply(
        &self,
        base: &Model,
        copy: &Model,
        texts: &[Vec<u32>],
        seed: u64,
    ) -> Result<ServedModel, RobustnessError> {
        let mut serving = Serving::default();
        let model = match self {
            Self::None => copy.clone(),
            Self::Temperature(temperature) => {
                serving.temperature = Some(*temperature);
                copy.clone()
            }
            Self::Prefix(text) => {
                serving.prefix = Some(text.clone());
                copy.clone()
            }
            Self::Suppress(gate) => {
                serving.suppress_above = Some(*gate);
                copy.clone()
            }
            Self::Round(bits) => rounded(copy, *bits)?,
            Self::Prune(share) => pruned(copy, *share)?,
            Self::Merge(share) => merged(base, copy, *share)?,
            Self::FineTune(steps) => fine_tuned(copy, texts, *steps, seed)?,
        };
        ServedModel::new(model, serving, seed)
    }
}

/// One of each kind, most with two strengths.
#[must_use]
pub fn usual_attacks() -> Vec<Attack> {
    vec![
        Attack::None,
        Attack::Temperature(0.7),
        Attack::Temperature(1.0),
        Attack::Prefix("You are a helpful assistant.".to_owned()),
        Attack::Round(8),
        Attack::Round(4),
        Attack::Prune(0.1),
        Attack::Prune(0.3),
        Attack::Merge(0.7),
        Attack::Merge(0.5),
        Attack::FineTune(50),
        Attack::FineTune(200),
        Attack::Suppress(0.9),
    ]
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "none"),
            Self::Temperature(value) => write!(f, "temperature={value}"),
            Self::Prefix(text) => write!(f, "prefix={text}"),
            Self::Round(bits) => write!(f, "int{bits}"),
            Self::Prune(share) => write!(f, "prune={share}"),
            Self::Merge(share) => write!(f, "merge={share}"),
            Self::FineTune(steps) => write!(f, "fine-tune={steps}"),
            Self::Suppress(gate) => write!(f, "suppress={gate}"),
        }
    }
}

impl FromStr for Attack {
    type Err = RobustnessError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |fault: &str| RobustnessError::Attack {
            text: text.to_owned(),
            fault: fault.to_owned(),
        };
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let number = || value.parse::<f64>().map_err(|_| refuse("the value after = is no number"));
        let share = || {
            number()?.clamp_check(0.0, 1.0).ok_or_else(|| refuse("the value lies between 0 and 1"))
        };
        #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
        let narrow = |value: f64| value as f32;
        match name {
            "none" => Ok(Self::None),
            "int8" => Ok(Self::Round(8)),
            "int4" => Ok(Self::Round(4)),
            "prefix" if !value.trim().is_empty() => Ok(Self::Prefix(value.trim().to_owned())),
            "prefix" => Err(refuse("no text follows; write prefix=TEXT")),
            "temperature" => {
                let value = number()?.clamp_check(0.01, 10.0);
                value.map(narrow).map(Self::Temperature).ok_or_else(|| refuse("use 0.01 to 10"))
            }
            "prune" => share().map(Self::Prune),
            "merge" => share().map(Self::Merge),
            "suppress" => share().map(narrow).map(Self::Suppress),
            "fine-tune" => {
                let steps = value.parse().ok().filter(|steps| (1..=100_000).contains(steps));
                steps.map(Self::FineTune).ok_or_else(|| refuse("give 1 to 100,000 steps"))
            }
            _ => Err(refuse(
                "known are none, temperature=T, prefix=TEXT, int8, int4, prune=SHARE, merge=SHARE, \
                 fine-tune=STEPS and suppress=PROBABILITY",
            )),
        }
    }
}

trait ClampCheck: Sized {
    /// The value if it lies within the bounds; never a NaN.
    fn clamp_check(self, low: f64, high: f64) -> Option<f64>;
}

impl ClampCheck for f64 {
    fn clamp_check(self, low: f64, high: f64) -> Option<f64> {
        (low..=high).contains(&self).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attacks_read_as_they_are_shown() {
        for attack in usual_attacks() {
            assert_eq!(attack.to_string().parse::<Attack>().unwrap(), attack);
        }
    }

    #[test]
    fn values_out_of_range_say_what_is_allowed() {
        for (text, part) in [
            ("melt", "known are"),
            ("prune=2", "between 0 and 1"),
            ("merge=x", "no number"),
            ("temperature=0", "0.01 to 10"),
            ("temperature=NaN", "0.01 to 10"),
            ("fine-tune=0", "100,000"),
            ("prefix=", "prefix=TEXT"),
            ("suppress", "no number"),
        ] {
            let error = text.parse::<Attack>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(text), "{error}");
        }
    }
}
