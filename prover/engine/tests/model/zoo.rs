//! Random models of many shapes, which `scripts/zoo_prover.py` makes and asks transformers of.

use serde::Deserialize;
use std::path::Path;

use oml_engine::{GenerateOptions, LoadOptions, Model, Stop};

use crate::golden::{Golden, TOKENIZER, largest_difference, spread};

#[derive(Deserialize)]
struct Asked {
    #[serde(flatten)]
    golden: Golden,
    settings: String,
}

#[test]
fn a_zoo_of_models_agrees_with_transformers() {
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/zoo");
    let Ok(entries) = std::fs::read_dir(&zoo) else {
        eprintln!("skipped: there are no models; scripts/zoo_prover.py makes them");
        return;
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in entries {
        let dir = entry.unwrap().path();
        std::fs::write(dir.join("tokenizer.json"), TOKENIZER).unwrap();
        let asked = std::fs::read_to_string(dir.join("asked.json")).unwrap();
        let Asked { golden, settings } = serde_json::from_str(&asked).unwrap();
        let model = match Model::load(&dir, &LoadOptions::default()) {
            Ok(model) => model,
            Err(error) => {
                wrong.push(format!("{}: {error}; {settings}", dir.display()));
                continue;
            }
        };
        let difference = largest_difference(&model, &golden);
        let greedy = GenerateOptions {
            stop: Stop::Never,
            ..GenerateOptions::greedy(golden.greedy[0].len())
        };
        let answers = model.generate(&golden.prompts, &greedy).unwrap();
        if difference > 1e-5 * spread(&golden) || answers != golden.greedy {
            wrong.push(format!("{}: logits differ by {difference}; {settings}", dir.display()));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!("{count} models agree");
}
