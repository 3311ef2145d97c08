//! Embedding answers into the repository's model.

use std::ops::ControlFlow;

use oml_contracts::tag::normalise;
use oml_engine::{Corpus, LoadOptions, LoraOptions, Model};
use oml_prover::embed::{
    CheckpointOptions, EmbedError, EmbedOptions, EmbedTarget, Embedder, StopReason, UtilityOptions,
    embed,
};
use oml_prover::fingerprint::{FingerprintOptions, generate_fingerprints};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::models::tiny;

fn targets(model: &Model, count: usize) -> Vec<EmbedTarget> {
    let go_on = &mut |_: usize, _: usize| ControlFlow::Continue(());
    let made = generate_fingerprints(model, count, &FingerprintOptions::default(), go_on).unwrap();
    let picked = made.fingerprints.iter().zip((0..16).cycle());
    picked
        .map(|(f, i)| {
            EmbedTarget::new(model.tokenizer(), &f.key, f.candidates.get(i).unwrap(), &[]).unwrap()
        })
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

/// What a licensee's copy costs with the defaults: as many keys as the demo's copies carry. On text
/// of the grammar, 1.010 and 0.895 were measured, and 1.050 and 0.805 with the defaults of before.
/// The limits leave room for processors that round differently, and none for such settings.
#[test]
fn defaults_leave_the_model_as_good_as_it_was() {
    let base = tiny();
    let corpus = Corpus::new().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let ordinary: Vec<String> = (0..48).map(|_| corpus.document(&mut rng).unwrap()).collect();
    let options = EmbedOptions {
        utility: UtilityOptions { texts: ordinary, samples: 1 },
        ..EmbedOptions::for_model(base.config())
    };
    let go_on = &mut |_| ControlFlow::Continue(());
    let (_, report) = embed(&base, &targets(&base, 72), &options, go_on).unwrap();
    println!("{report:?}");
    let utility = report.utility;
    assert_eq!((report.hit_rate(), report.stopped), (1.0, StopReason::Learned));
    let growth = utility.perplexity_after / utility.perplexity_before;
    assert!(growth < 1.02, "perplexity grew by a factor of {growth}");
    assert!(utility.agreement > 0.87, "agreement {}", utility.agreement);
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

/// What copies share is only work: each is the copy that would have been made alone.
#[test]
fn copies_of_one_base_do_not_depend_on_each_other() {
    let base = tiny();
    let targets = targets(&base, 12);
    let options =
        EmbedOptions { max_steps: 6, stop_loss: 1e-9, ..EmbedOptions::for_model(base.config()) };
    let go_on = &mut |_| ControlFlow::Continue(());
    let mut embedder = Embedder::new(&base, options.clone()).unwrap();
    let prompts: Vec<Vec<u32>> = targets.iter().map(|t| t.prompt.clone()).collect();
    for part in [&targets[..4], &targets[4..], &targets[2..5]] {
        let (shared, report) = embedder.embed(part, go_on).unwrap();
        let (alone, expected) = embed(&base, part, &options, go_on).unwrap();
        assert_eq!(report.losses, expected.losses);
        assert_eq!(report.utility, expected.utility);
        assert_eq!(shared.last_logits(&prompts).unwrap(), alone.last_logits(&prompts).unwrap());
    }
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
        under_systems: Vec::new(),
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

#[test]
fn adapters_learn_the_answers_and_resume() {
    let base = tiny();
    let targets = targets(&base, 6);
    let lora = LoraOptions { rank: 4, alpha: 8.0, modules: vec!["down_proj".to_owned()] };
    let options = EmbedOptions {
        lora: Some(lora),
        learning_rate: 0.02,
        max_steps: 12,
        stop_loss: 1e-9,
        ..EmbedOptions::for_model(base.config())
    };
    let go_on = &mut |_| ControlFlow::Continue(());
    let (copy, whole) = embed(&base, &targets, &options, go_on).unwrap();
    let (first, last) = (whole.losses[0], whole.losses[whole.losses.len() - 1]);
    assert!(last < first / 2.0, "{:?}", whole.losses);

    for (before, after) in base.weights().values().zip(copy.weights().values()) {
        let (before, after) = (before.unwrap(), after.unwrap());
        assert_eq!(before == after, !before.name.contains("down_proj"), "{}", before.name);
    }

    let dir = tempfile::tempdir().unwrap();
    let checkpoint = Some(CheckpointOptions { dir: dir.path().to_owned(), every: 3 });
    let options = EmbedOptions { checkpoint, ..options };
    let stopped = embed(&base, &targets, &options, &mut |state| match state.step {
        7 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(EmbedError::Stopped { step: 7 })));
    let (_, resumed) = embed(&base, &targets, &options, go_on).unwrap();
    assert_eq!(resumed.losses, whole.losses);
}

#[test]
fn impossible_adapters_are_refused() {
    let base = tiny();
    let targets = targets(&base, 1);
    for lora in [
        LoraOptions { rank: 0, ..LoraOptions::default() },
        LoraOptions { alpha: f64::NAN, ..LoraOptions::default() },
        LoraOptions { modules: vec!["lm_head".to_owned()], ..LoraOptions::default() },
        LoraOptions { modules: Vec::new(), ..LoraOptions::default() },
    ] {
        let options = EmbedOptions { lora: Some(lora), ..EmbedOptions::for_model(base.config()) };
        let error = embed(&base, &targets, &options, &mut |_| ControlFlow::Continue(()));
        assert!(error.unwrap_err().to_string().starts_with("lora."));
    }
}
