//! Who contradicts whom about a block that is final. Pure.

use alloy::primitives::B256;

/// What the endpoints' answers for one final block mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgment {
    /// All that answered say the same.
    Agreed,
    /// More than half say `expected`; the others, by their places, do not.
    Outvoted {
        /// What most of them say.
        expected: B256,
        /// Those that say something else.
        others: Vec<usize>,
    },
    /// There is no majority: nobody can say who is right.
    Split {
        /// Two that contradict each other.
        one: usize,
        /// The second of the two.
        other: usize,
    },
}

/// Judges the hashes that endpoints, by their places, give for the same final block.
pub(super) fn judge(answers: &[(usize, B256)]) -> Judgment {
    let votes = |hash: B256| answers.iter().filter(|(_, found)| *found == hash).count();
    let Some(&(first, hash)) = answers.first() else { return Judgment::Agreed };
    let Some(&(other, _)) = answers.iter().find(|(_, found)| *found != hash) else {
        return Judgment::Agreed;
    };
    match answers.iter().find(|(_, found)| votes(*found) * 2 > answers.len()) {
        Some(&(_, expected)) => Judgment::Outvoted {
            expected,
            others: answers.iter().filter(|(_, found)| *found != expected).map(|a| a.0).collect(),
        },
        None => Judgment::Split { one: first, other },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_majority_says_who_is_right() {
        let answers = |bytes: &[u8]| -> Vec<(usize, B256)> {
            bytes.iter().map(|byte| B256::repeat_byte(*byte)).enumerate().collect()
        };
        let outvoted = |others: &[usize]| Judgment::Outvoted {
            expected: B256::repeat_byte(1),
            others: others.to_vec(),
        };
        for (bytes, expected) in [
            (&[][..], Judgment::Agreed),
            (&[1], Judgment::Agreed),
            (&[1, 1, 1], Judgment::Agreed),
            (&[1, 2], Judgment::Split { one: 0, other: 1 }),
            (&[1, 1, 2, 2], Judgment::Split { one: 0, other: 2 }),
            (&[1, 2, 3], Judgment::Split { one: 0, other: 1 }),
            (&[1, 2, 1], outvoted(&[1])),
            (&[2, 1, 1], outvoted(&[0])),
            (&[2, 1, 1, 3, 1], outvoted(&[0, 3])),
        ] {
            assert_eq!(judge(&answers(bytes)), expected, "{bytes:?}");
        }
    }
}
