//! Making a model from nothing.

use oml_engine::{PretrainOptions, pretrain};

fn small() -> PretrainOptions {
    PretrainOptions {
        vocab_size: 400,
        hidden_size: 32,
        intermediate_size: 64,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        steps: 30,
        batch: 8,
        length: 48,
        tokenizer_documents: 100,
        ..PretrainOptions::default()
    }
}

#[test]
fn training_lowers_the_loss_and_follows_the_seed() {
    let run = |seed| {
        let mut losses = Vec::new();
        let (model, report) =
            pretrain(&small(), seed, &mut |state| losses.push(state.loss)).unwrap();
        (model, report, losses)
    };
    let (model, report, losses) = run(1);
    assert_eq!(losses.len(), 30);
    assert!(losses[29] < losses[0] - 1.0, "{losses:?}");
    assert!(report.held_out.value() < 200.0, "{report:?}");
    assert_eq!(report.parameters, model.config().parameters());
    let (again, _, same) = run(1);
    assert_eq!(losses, same);
    let text = "The small dog saw a red ball.";
    let encode = |m: &oml_engine::Model| m.tokenizer().encode(text).unwrap();
    assert_eq!(encode(&model), encode(&again));
    assert_ne!(run(2).2, losses);
}

#[test]
fn impossible_shapes_are_refused() {
    let bad = PretrainOptions { kv_heads: 3, ..small() };
    assert!(pretrain(&bad, 1, &mut |_| {}).is_err());
}
