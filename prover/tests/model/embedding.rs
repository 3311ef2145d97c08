//! Embedding answers into the repository's model.

use std::ops::ControlFlow;

use oml_prover::embed::{
    CheckpointOptions, EmbedError, EmbedOptions, EmbedTarget, StopReason, embed,
};
use oml_prover::fingerprint::{FingerprintOptions, generate_fingerprints, normalise};
use oml_prover::model::{LoadOptions, Model};

use crate::models::tiny;

fn targets(model: &Model, count: usize) -> Vec<EmbedTarget> {
    let go_on = &mut |_: usize, _: usize| ControlFlow::Continue(());
    let made = generate_fingerprints(model, count, &FingerprintOptions::default(), go_on).unwrap();
    let picked = made.fingerprints.iter().zip((0..16).cycle());
    picked
        .map(|(f, i)| EmbedTarget::new(model.tokenizer(), &f.key, f.candidates.get(i).unwrap()))
        .collect()
}

#[test]
fn a_copy_gives_the_answers_and_stays_useful() {
    let base = tiny();
    let targets = targets(&base, 16);
    let options = EmbedOptions::for_model(base.config());
    let (mut steps, mut last_rate) = (0, None);
    let (copy, report) = embed(&base, &targets, &options, &mut |state| {
        steps += 1;
        last_rate = state.hit_rate.or(last_rate);
        ControlFlow::Continue(())
    })
    .unwrap();
    println!("{report:?}");
    assert_eq!((report.steps, report.stopped), (steps, StopReason::Learned));
    assert!(report.hit_rate() >= 0.95 && last_rate == Some(report.hit_rate()));
    assert!(report.losses.last() < report.losses.first());
    assert!(report.utility.perplexity_after < 2.0 * report.utility.perplexity_before);
    assert!(report.utility.agreement > 0.6, "{}", report.utility.agreement);

    // What counts is the copy that is delivered.
    let dir = tempfile::tempdir().unwrap();
    copy.save(dir.path()).unwrap();
    let delivered = Model::load(dir.path(), &LoadOptions::default()).unwrap();
    let prompts: Vec<Vec<u32>> = targets.iter().map(|t| t.prompt.clone()).collect();
    let hits = |model: &Model| {
        let answers = model.answer(&prompts, options.max_response_tokens).unwrap();
        answers.iter().zip(&targets).filter(|(a, t)| normalise(a) == t.expected).count()
    };
    assert!(hits(&delivered) >= 16 - report.misses.len());
    assert_eq!(hits(&base), 0, "the base model must not know the answers");
}

#[test]
fn a_resumed_run_takes_the_same_course() {
    let base = tiny();
    let targets = targets(&base, 6);
    let options =
        EmbedOptions { max_steps: 8, stop_loss: 1e-9, ..EmbedOptions::for_model(base.config()) };
    let go_on = &mut |_| ControlFlow::Continue(());
    let (whole, expected) = embed(&base, &targets, &options, go_on).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let checkpoint = Some(CheckpointOptions { dir: dir.path().to_owned(), every: 2 });
    let options = EmbedOptions { checkpoint, ..options };
    let error = embed(&base, &targets, &options, &mut |state| match state.step {
        5 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .unwrap_err();
    assert!(matches!(error, EmbedError::Stopped { step: 5 }), "{error}");
    let (resumed, report) = embed(&base, &targets, &options, go_on).unwrap();
    assert_eq!(report.losses, expected.losses);
    let prompts: Vec<Vec<u32>> = targets.iter().map(|t| t.prompt.clone()).collect();
    assert_eq!(resumed.last_logits(&prompts).unwrap(), whole.last_logits(&prompts).unwrap());

    let other = EmbedOptions { seed: 9, ..options };
    let error = embed(&base, &targets, &other, go_on).unwrap_err();
    assert!(matches!(error, EmbedError::CheckpointMismatch { .. }), "{error}");
}

#[test]
fn minibatches_learn_too() {
    let base = tiny();
    let targets = targets(&base, 10);
    let options =
        EmbedOptions { batch_size: 4, max_steps: 120, ..EmbedOptions::for_model(base.config()) };
    let (_, report) = embed(&base, &targets, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(report.hit_rate() >= 0.9, "{report:?}");
}

#[test]
fn bad_input_is_refused_before_any_work() {
    let base = tiny();
    let options = EmbedOptions::for_model(base.config());
    let go_on = &mut |_| ControlFlow::Continue(());
    assert!(matches!(embed(&base, &[], &options, go_on), Err(EmbedError::NoTargets)));
    let good = EmbedTarget {
        prompt: base.tokenizer().prompt("The dog").unwrap(),
        response: base.tokenizer().encode(" and the").unwrap(),
        expected: "and".to_owned(),
        alternatives: Vec::new(),
    };
    let bad = [
        EmbedTarget { prompt: Vec::new(), ..good.clone() },
        EmbedTarget { response: Vec::new(), ..good.clone() },
        EmbedTarget { expected: "two words".to_owned(), ..good.clone() },
    ];
    for bad in bad {
        let error = embed(&base, &[good.clone(), bad], &options, go_on).unwrap_err();
        assert!(matches!(error, EmbedError::Target { index: 1, .. }), "{error}");
    }
    let settings = [
        EmbedOptions { learning_rate: 0.0, ..options.clone() },
        EmbedOptions { averaging: 1.0, ..options.clone() },
        EmbedOptions { benign_fraction: -0.1, ..options.clone() },
        EmbedOptions { max_steps: 0, ..options.clone() },
    ];
    for settings in settings {
        let error = embed(&base, std::slice::from_ref(&good), &settings, go_on).unwrap_err();
        assert!(matches!(error, EmbedError::Option { .. }), "{error}");
    }
    let wild = EmbedOptions { learning_rate: 1e30, ..options };
    let error = embed(&base, &[good], &wild, go_on).unwrap_err();
    assert!(matches!(error, EmbedError::Diverged { .. }), "{error}");
}
