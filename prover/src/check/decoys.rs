//! Prompts that look like fingerprint keys but have no drawn answer.
//!
//! Whoever serves a target could answer only what is no key. Decoys are made out of the universe's
//! own keys (the head of one, the tail of another), so that words, lengths and style are those of
//! keys.

use std::collections::HashSet;

use oml_engine::{Api, Prompt};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Attempts per decoy before the corpus is called too uniform.
const ATTEMPTS: usize = 256;

/// The keys do not give enough different decoys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "only {found} of {wanted} decoys could be made from {keys} keys; the keys are too few or too alike"
)]
pub struct TooFewDecoys {
    /// Decoys that could be made.
    pub found: usize,
    /// Decoys asked for.
    pub wanted: usize,
    /// Keys in the corpus.
    pub keys: usize,
}

/// Makes `wanted` distinct prompts out of `keys`, none of which is a key.
///
/// # Errors
/// [`TooFewDecoys`] if the keys are too few or too alike.
pub fn make_decoys(
    keys: &[&str],
    wanted: usize,
    seed: [u8; 32],
) -> Result<Vec<String>, TooFewDecoys> {
    let mut numbers = StdRng::from_seed(seed);
    let words: Vec<(Api, String)> = keys.iter().map(|key| words_of(key)).collect();
    let mut taken: HashSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let mut decoys = Vec::with_capacity(wanted);
    if keys.is_empty() && wanted > 0 {
        return Err(TooFewDecoys { found: 0, wanted, keys: 0 });
    }
    for _ in 0..wanted {
        let decoy = (0..ATTEMPTS).find_map(|attempt| {
            let (api, head) = &words[numbers.random_range(0..keys.len())];
            let (_, tail) = &words[numbers.random_range(0..keys.len())];
            let mut mixed = splice(head, tail, &mut numbers);
            // Keys of one pattern may be all of its combinations: then the pattern must be broken.
            if attempt >= ATTEMPTS / 2 {
                mixed = swap_words(&mixed, &mut numbers);
            }
            let decoy = Prompt::of_user(*api, &mixed).text();
            (!mixed.trim().is_empty() && !taken.contains(&decoy)).then_some(decoy)
        });
        let Some(decoy) = decoy else {
            return Err(TooFewDecoys { found: decoys.len(), wanted, keys: keys.len() });
        };
        taken.insert(decoy.clone());
        decoys.push(decoy);
    }
    Ok(decoys)
}

/// How a key is asked, and its words.
fn words_of(key: &str) -> (Api, String) {
    match Prompt::parse(key) {
        Prompt::Text(text) => (Api::Completions, text),
        Prompt::Chat(messages) => {
            let words = messages.into_iter().next_back().map(|message| message.content);
            (Api::Chat, words.unwrap_or_default())
        }
    }
}

fn swap_words(text: &str, numbers: &mut StdRng) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    let (a, b) = (numbers.random_range(0..words.len()), numbers.random_range(0..words.len()));
    words.swap(a, b);
    words.join(" ")
}

/// The beginning of `head` and the end of `tail`, cut at about the same share of both, between
/// words; between characters if one of them is a single word.
fn splice(head: &str, tail: &str, numbers: &mut StdRng) -> String {
    let by_words = head.contains(' ') && tail.contains(' ');
    let cuts = |text: &str| -> Vec<usize> {
        text.char_indices()
            .skip(1)
            .filter(|(_, c)| !by_words || *c == ' ')
            .map(|(i, _)| i)
            .collect()
    };
    let (head_cuts, tail_cuts) = (cuts(head), cuts(tail));
    if head_cuts.is_empty() || tail_cuts.is_empty() {
        return format!("{head}{tail}");
    }
    let place = numbers.random_range(0..head_cuts.len());
    let matching = place * tail_cuts.len() / head_cuts.len();
    format!("{}{}", &head[..head_cuts[place]], &tail[tail_cuts[matching]..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEYS: [&str; 4] = [
        "The colour of the seventh door is",
        "Every evening the baker of Lund would",
        "If the tide comes before noon then",
        "A letter without a stamp means",
    ];

    #[test]
    fn decoys_of_chats_are_chats() {
        let chats = KEYS.map(|key| Prompt::of_user(Api::Chat, key).text());
        let keys: Vec<&str> = chats.iter().map(String::as_str).collect();
        let decoys = make_decoys(&keys, 8, [7; 32]).unwrap();
        let plain = make_decoys(&KEYS, 8, [7; 32]).unwrap();
        for (decoy, words) in decoys.iter().zip(&plain) {
            assert_eq!(Prompt::parse(decoy), Prompt::of_user(Api::Chat, words));
        }
    }

    #[test]
    fn decoys_are_distinct_no_keys_and_repeatable() {
        let decoys = make_decoys(&KEYS, 16, [7; 32]).unwrap();
        let distinct: HashSet<_> = decoys.iter().collect();
        assert_eq!(distinct.len(), 16);
        assert!(decoys.iter().all(|d| !KEYS.contains(&d.as_str())));
        assert_eq!(decoys, make_decoys(&KEYS, 16, [7; 32]).unwrap());
        assert_ne!(decoys, make_decoys(&KEYS, 16, [8; 32]).unwrap());
    }

    #[test]
    fn decoys_are_made_of_the_words_of_keys() {
        let words: HashSet<&str> = KEYS.iter().flat_map(|k| k.split(' ')).collect();
        for decoy in make_decoys(&KEYS, 16, [1; 32]).unwrap() {
            assert!(decoy.split(' ').all(|w| words.contains(w)), "{decoy}");
        }
    }

    #[test]
    fn a_complete_pattern_is_broken_by_swapped_words() {
        let keys: Vec<String> =
            (0..16).map(|i| format!("row {} of stone {} lies", i / 4, i % 4)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(make_decoys(&keys, 8, [3; 32]).unwrap().len(), 8);
    }

    #[test]
    fn too_uniform_keys_are_refused_not_repeated() {
        assert_eq!(
            make_decoys(&["a a"], 1, [0; 32]),
            Err(TooFewDecoys { found: 0, wanted: 1, keys: 1 })
        );
        assert_eq!(
            make_decoys(&[], 1, [0; 32]),
            Err(TooFewDecoys { found: 0, wanted: 1, keys: 0 })
        );
        assert_eq!(make_decoys(&[], 0, [0; 32]), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(keys in proptest::collection::vec("\\PC{0,12}", 0..6), seed: [u8; 32]) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            if let Ok(decoys) = make_decoys(&keys, 3, seed) {
                prop_assert_eq!(decoys.len(), 3);
                prop_assert!(decoys.iter().all(|d| !keys.contains(&d.as_str())));
            }
        }
    }
}
