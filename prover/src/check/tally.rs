//! How the answers to one license's questions fell.

/// Among how many checks and licenses a match could have been found. Whoever compares more finds
/// more by chance, so each raises what the evidence must reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Comparisons {
    /// Checks made with this universe, this one included.
    pub cases: u32,
    /// Licenses of this universe.
    pub licenses: u32,
}

/// How the observations fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// Personal fingerprints answered as drawn for the license.
    pub hits: u32,
    /// Personal fingerprints answered otherwise.
    pub misses: u32,
    /// Personal fingerprints without an answer; they weigh as misses. The three counts below are
    /// part of it.
    pub no_answer: u32,
    /// Of these, answered with a refusal in words, such as "Sorry, I can't help with that".
    pub refusals: u32,
    /// Of these, answered with the very text that most others got too.
    pub repeated: u32,
    /// Of these, answered with an empty text.
    pub empty: u32,
    /// Personal fingerprints that could not be asked; they weigh as misses too.
    pub not_checked: u32,
    /// Shared fingerprints answered as drawn for the model, and assigned to the license.
    pub shared_inside: u32,
    /// The same, but not assigned to it.
    pub shared_outside: u32,
}

impl Tally {
    /// Everything of the personal part that was not a hit: silence weighs against the claim.
    #[must_use]
    pub(crate) const fn all_misses(&self) -> u32 {
        self.misses + self.no_answer + self.not_checked
    }

    pub(super) const fn silence(&self) -> Silence {
        Silence { not_checked: self.not_checked, no_answer: self.no_answer }
    }

    /// Whether at least half of what was asked was answered, so that the answers can stand for the
    /// whole: silence clears nobody.
    #[must_use]
    pub(crate) const fn mostly_answered(&self) -> bool {
        self.hits + self.misses >= self.no_answer + self.not_checked
    }
}

/// Questions that say nothing, by whose doing it was.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Silence {
    /// They could not be asked.
    pub(crate) not_checked: u32,
    /// The target was reached and did not answer.
    pub(crate) no_answer: u32,
}
