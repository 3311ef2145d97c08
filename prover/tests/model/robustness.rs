//! What hosts do to copies, and what the tests still see.

use oml_engine::Model;
use oml_prover::check::{Comparisons, Verdict};
use oml_prover::fingerprint::AnswersPerKey;
use oml_prover::science::robustness::{
    Attack, AttackRow, AttackSetting, CopyOptions, MarkedCopy, base_texts,
};

use crate::models::tiny;

fn setting<'a>(base: &'a Model, texts: &'a [Vec<u32>]) -> AttackSetting<'a> {
    AttackSetting {
        base,
        other_texts: texts,
        held_out: texts,
        alpha_inverse: 1_000_000_000,
        comparisons: Comparisons { cases: 1, licenses: 1 },
        seed: 5,
    }
}

#[test]
fn suppression_blinds_the_test_of_answers_but_not_the_rank_test() {
    let base = tiny();
    let texts = base_texts(&base, 8, 24, 3).unwrap();
    let judge = |copy: &MarkedCopy, attack: &str| -> AttackRow {
        let attack: Attack = attack.parse().unwrap();
        let row = setting(&base, &texts).judge(copy, &attack).unwrap();
        println!("{row:?}");
        row
    };
    let make = |answers| {
        let answers = AnswersPerKey::new(answers).unwrap();
        MarkedCopy::make(&base, &CopyOptions::new(16, answers, 1)).unwrap()
    };

    let single = make(1);
    let untouched = judge(&single, "none");
    assert_eq!(untouched.held.answers.verdict, Verdict::Match);
    assert_eq!(untouched.held.ranks.verdict, Verdict::Match);
    assert!(untouched.held.largest_probability > 0.9);
    // The gate of published attacks is 0.9; a lower one drops every answer of this small model too.
    let suppressed = judge(&single, "suppress=0.5");
    assert!(suppressed.held.survival < 0.2, "the answers are gone");
    assert_ne!(suppressed.held.answers.verdict, Verdict::Match);
    assert_eq!(suppressed.held.ranks.verdict, Verdict::Match, "where they were, they are missed");

    let double = make(2);
    let untouched = judge(&double, "none");
    assert_eq!(untouched.held.answers.verdict, Verdict::Match);
    assert!(untouched.held.largest_probability < 0.9, "no token needs more");
    let suppressed = judge(&double, "suppress=0.9");
    assert_eq!(suppressed.held.survival, untouched.held.survival, "the gate never opens");
    assert_eq!(suppressed.held.answers.verdict, Verdict::Match);
    assert_eq!(suppressed.held.ranks.verdict, Verdict::Match);
}

#[test]
fn attacks_on_weights_cost_fingerprints_and_utility() {
    let base = tiny();
    let texts = base_texts(&base, 8, 24, 3).unwrap();
    let copy = MarkedCopy::make(&base, &CopyOptions::new(16, AnswersPerKey::ONE, 2)).unwrap();
    let rows: Vec<AttackRow> =
        ["none", "int8", "prune=0.9", "merge=0", "fine-tune=4", "temperature=1"]
            .iter()
            .map(|attack| {
                let attack: Attack = attack.parse().unwrap();
                setting(&base, &texts).judge(&copy, &attack).unwrap()
            })
            .collect();
    rows.iter().for_each(|row| println!("{row:?}"));
    let [none, int8, pruned, merged, tuned, sampled] = rows.as_slice() else { unreachable!() };
    assert!(int8.held.survival >= 0.8 && int8.utility.agreement <= none.utility.agreement + 0.1);
    assert!(pruned.utility.perplexity > 2.0 * none.utility.perplexity);
    assert_eq!((merged.held.survival, merged.utility.agreement), (0.0, 1.0), "that is the base");
    assert_ne!(merged.held.ranks.verdict, Verdict::Match, "the base is innocent");
    assert!(tuned.held.survival > 0.3 && tuned.utility.tokens == none.utility.tokens);
    assert!(sampled.utility.agreement < none.utility.agreement);
    assert_eq!(sampled.held.ranks, none.held.ranks, "sampling changes no rank");
}
