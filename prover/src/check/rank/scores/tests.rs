use super::*;
use crate::check::Questions;
use crate::fingerprint::test_universe;
use proptest::prelude::*;

fn entry(words: [&str; 16]) -> Entry {
    let mut entry = test_universe(16, 0).entries()[0].clone();
    let candidates = words
        .iter()
        .zip(100..)
        .map(|(word, token)| Candidate { word: (*word).to_owned(), tokens: vec![token] });
    entry.candidates = crate::fingerprint::Candidates::new(candidates.collect()).unwrap();
    entry
}

const WORDS: [&str; 16] = [
    "sunny", "sad", "river", "moon", "bird", "cake", "door", "fish", "gold", "hat", "ice", "jam",
    "king", "leaf", "nest", "owl",
];

fn score_of(entry: &Entry, scores: &CandidateScores, word: &str) -> f64 {
    let place = entry.candidates.iter().position(|c| c.word == word).unwrap();
    scores.as_array()[place]
}

#[test]
fn listed_tokens_belong_to_the_candidate_they_start() {
    let entry = entry(WORDS);
    let list = [(" s", -0.1), (" sun", -4.0), ("Ġri", -2.0), ("▁moon", -3.0), ("'b", -0.5)]
        .map(|(token, score)| (token.to_owned(), score));
    let scores = of_list(&list, &entry);
    for (word, score) in [("sad", -0.1), ("sunny", -4.0), ("river", -2.0), ("moon", -3.0)] {
        assert_eq!(score_of(&entry, &scores, word), score, "{word}");
    }
    assert_eq!(score_of(&entry, &scores, "bird"), f64::NEG_INFINITY);
    let place = |word: &str| {
        let place = entry.candidates.iter().position(|c| c.word == word).unwrap();
        u8::try_from(place).unwrap()
    };
    assert_eq!(scores.rank(place("sad")), (1, 1));
    assert_eq!(scores.rank(place("bird")), (5, 16), "all that are not listed are tied");
    let token = entry.candidates.get(place("owl")).unwrap().tokens[0];
    let scores = of_list(&[(format!("token_id:{token}"), -1.0)], &entry);
    assert_eq!(scores.rank(place("owl")), (1, 1));
}

#[test]
fn ranks_and_their_sums_are_bounds() {
    let mut scores = [0.0; 16];
    (scores[3], scores[4], scores[5]) = (9.0, 9.0, 5.0);
    let scores = CandidateScores::new(scores);
    assert_eq!(scores.rank(3), (1, 2));
    assert_eq!(scores.rank(5), (3, 3));
    assert_eq!(scores.rank(0), (4, 16));
    assert_eq!(scores.sums_of_ranks(&[3, 4]), RankSums::exact(3));
    assert_eq!(scores.sums_of_ranks(&[0, 1, 5]).bounds(), (12, 34));
    assert_eq!(scores.sums_of_ranks(&[3]).ways(), Some([1, 1].as_slice()));
    // Two of the ranks 4 to 16: 78 ways in all.
    assert_eq!(scores.sums_of_ranks(&[0, 1]).ways().unwrap().iter().sum::<u64>(), 78);
    assert_eq!(scores.rank(16), (1, 16));
    let broken = CandidateScores::new([f64::NAN; 16]);
    assert_eq!(broken.rank(0), (1, 16));
    assert_eq!(broken.sums_of_ranks(&[0]).ways(), None);
    assert_eq!(scores.sums_of_ranks(&[16]).ways(), None);
}

#[test]
fn distances_to_another_model_hide_its_own_preferences() {
    let universe = test_universe(16, 0);
    let questions = Questions::new(&universe, [0], [], &mut rand::rng()).unwrap();
    let scores = |values: [f64; 16]| {
        let transcript = Transcript { target: "t".to_owned(), exchanges: Vec::new() };
        Scores::new(&questions, transcript, vec![Some(CandidateScores::new(values))])
    };
    let base: [f64; 16] = std::array::from_fn(|i| -(i as f64));
    let mut copy = base;
    copy[9] += 2.0;
    assert_eq!(scores(copy).get(0).unwrap().rank(9), (8, 9));
    let relative = scores(copy).relative_to(&scores(base));
    assert_eq!(relative.get(0).unwrap().rank(9), (1, 1));
    assert_eq!(relative.get(1), None);
}

proptest! {
    #[test]
    fn no_token_breaks_the_match(tokens in proptest::collection::vec(any::<String>(), 0..20)) {
        let list: Vec<(String, f64)> = tokens.into_iter().map(|token| (token, -1.0)).collect();
        let scores = of_list(&list, &entry(WORDS));
        prop_assert!(scores.as_array().iter().all(|score| !score.is_nan()));
    }
}
