//! Logits, greedy answers and samples.

use oml_engine::{
    ChoiceQuestion, GenerateOptions, LoadOptions, Model, ModelError, Sampling, Stop, TextTokenizer,
    read_questions,
};

use crate::models::{prompts, tiny, tiny_dir};

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn batches_and_buckets_change_no_answer() {
    let model = tiny();
    let prompts = prompts(&model);
    let together = model.answer(&prompts, 8).unwrap();
    let logits = model.last_logits(&prompts).unwrap();
    for (index, prompt) in prompts.iter().enumerate().take(14) {
        let alone = std::slice::from_ref(prompt);
        assert_eq!(model.answer(alone, 8).unwrap()[0], together[index]);
        let single = model.last_logits(alone).unwrap();
        assert!(largest_difference(&single[0], &logits[index]) < 1e-4);
    }
    assert!(together.iter().any(|text| text != &together[0]));
}

#[test]
fn a_small_activation_budget_changes_no_answer() {
    let model = tiny();
    let options = LoadOptions { activation_budget: 1, max_batch: 7, ..LoadOptions::default() };
    let frugal = Model::load(&tiny_dir(), &options).unwrap();
    let prompts = prompts(&model);
    assert_eq!(frugal.answer(&prompts, 6).unwrap(), model.answer(&prompts, 6).unwrap());
}

#[test]
fn the_first_word_is_that_of_the_whole_answer() {
    let model = tiny();
    let prompts = prompts(&model);
    let whole = model.answer(&prompts, 6).unwrap();
    let first = model.answer_first_word(&prompts, 6).unwrap();
    for (whole, first) in whole.iter().zip(&first) {
        assert!(whole.starts_with(first.as_str()));
        let word = |text: &'_ str| -> Option<String> {
            text.split(|c: char| !c.is_alphanumeric())
                .find(|word| !word.is_empty())
                .map(str::to_owned)
        };
        assert_eq!(word(whole), word(first));
    }
}

#[test]
fn samples_follow_the_seed_and_differ_between_prompts() {
    let model = tiny();
    let bos = vec![model.tokenizer().bos().unwrap()];
    let options = |seed, stop| GenerateOptions {
        max_new_tokens: 20,
        sampling: Some(Sampling { temperature: 1.0, top_p: 0.95, seed }),
        stop,
    };
    let many = vec![bos; 70];
    let first = model.generate(&many, &options(1, Stop::Never)).unwrap();
    assert_eq!(first, model.generate(&many, &options(1, Stop::Never)).unwrap());
    assert_ne!(first, model.generate(&many, &options(2, Stop::Never)).unwrap());
    assert!(first.iter().all(|s| s.len() == 20));
    assert!(first.iter().flatten().all(|&t| !model.tokenizer().is_special(t)));
    let distinct: std::collections::BTreeSet<_> = first.iter().collect();
    assert!(distinct.len() > 60, "{} of 70 samples differ", distinct.len());
}

#[test]
fn impossible_requests_name_the_prompt() {
    let model = tiny();
    let good = model.tokenizer().prompt("The cat").unwrap();
    let greedy = GenerateOptions::greedy(4);
    let with = |bad: Vec<u32>| model.generate(&[good.clone(), bad], &greedy).unwrap_err();
    assert!(matches!(with(Vec::new()), ModelError::EmptyPrompt { index: 1 }));
    assert!(matches!(with(vec![1_000_000]), ModelError::TokenOutOfRange { index: 1, .. }));
    let error = with(vec![5; model.context() - 3]);
    assert!(matches!(error, ModelError::PromptTooLong { index: 1, .. }), "{error}");
    for (temperature, top_p) in [(0.0, 1.0), (f32::NAN, 1.0), (1.0, 0.0), (1.0, 1.1)] {
        let sampling = Some(Sampling { temperature, top_p, seed: 0 });
        let options = GenerateOptions { sampling, ..greedy };
        let error = model.generate(std::slice::from_ref(&good), &options).unwrap_err();
        assert!(matches!(error, ModelError::Parameter { .. }), "{error}");
    }
    assert!(model.perplexity(&[vec![0]]).is_err());
    assert!(model.log_probabilities(&[(good, Vec::new())]).is_err());
}

#[test]
fn log_probabilities_rank_what_the_model_says() {
    let model = tiny();
    let prompt = model.tokenizer().prompt("Once upon a time, there").unwrap();
    let said = model.generate(std::slice::from_ref(&prompt), &GenerateOptions::greedy(3)).unwrap();
    let other = model.tokenizer().encode(" Monday bread shell").unwrap();
    let pairs = [(prompt.clone(), said[0].clone()), (prompt, other)];
    let scores = model.log_probabilities(&pairs).unwrap();
    assert!(scores[0] > scores[1] + 5.0, "{scores:?}");
    assert!(scores[0] <= 0.0);
}

#[test]
fn texts_round_trip_and_word_starts_are_found() {
    let model = tiny();
    let tokenizer: &TextTokenizer = model.tokenizer();
    let text = "Lily saw a small dog near the old mill.";
    let tokens = tokenizer.encode(text).unwrap();
    assert_eq!(tokenizer.stable_text(&tokens).unwrap().as_deref(), Some(text));
    assert_eq!(tokenizer.prompt(text).unwrap()[1..], tokens);
    assert_eq!(tokenizer.stable_text(&tokenizer.prompt(text).unwrap()).unwrap(), None);
    let initial: Vec<Option<&str>> = tokens.iter().map(|&t| tokenizer.word_initial(t)).collect();
    assert_eq!(initial[1], Some("saw"));
    assert_eq!(initial[tokens.len() - 1], None, "a full stop starts no word");
}

#[test]
fn threads_can_share_a_model() {
    fn shareable<T: Send + Sync + Clone + 'static>(_: &T) {}
    let model = tiny();
    shareable(&model);
    let prompts = prompts(&model);
    let expected = model.answer(&prompts, 4).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(model.answer(&prompts, 4).unwrap(), expected));
        }
    });
}

#[test]
fn multiple_choice_prefers_what_the_model_would_say() {
    let model = tiny();
    let file = tempfile::NamedTempFile::new().unwrap();
    let contexts = ["Once upon a time, there", "One day, Lily and her", "He was so happy that"];
    let lines = contexts.map(|context| {
        let tokens = model.tokenizer().prompt(context).unwrap();
        let said = model.answer_first_word(&[tokens], 6).unwrap().remove(0);
        serde_json::json!({ "context": context, "choices": ["qzx wvk", said], "answer": "B" })
            .to_string()
    });
    std::fs::write(file.path(), lines.join("\n")).unwrap();
    let questions = read_questions(file.path()).unwrap();
    let report = model.multiple_choice(&questions).unwrap();
    assert_eq!((report.questions, report.accuracy), (3, 1.0));
    assert_eq!((report.accuracy_normalized, report.chance), (1.0, 0.5));
    let wrong = questions.iter().map(|q| ChoiceQuestion { answer: 0, ..q.clone() });
    let report = model.multiple_choice(&wrong.collect::<Vec<_>>()).unwrap();
    assert!(report.accuracy < 0.1 && report.standard_error < 0.1);
    assert!(model.multiple_choice(&[]).is_err());
    std::fs::write(file.path(), "{}").unwrap();
    let error = read_questions(file.path()).unwrap_err().to_string();
    assert!(error.contains(":1: `context` must be a text"), "{error}");
}
