use super::*;
use oml_engine::LoadOptions;
use std::path::Path;

fn tiny() -> Model {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny");
    Model::load(&dir, &LoadOptions::default()).unwrap()
}

fn values(model: &Model) -> Vec<(String, usize, Vec<f32>)> {
    let values = |parameter: Result<ParameterValues, _>| {
        let ParameterValues { name, shape, values } = parameter.unwrap();
        (name, shape.len(), values)
    };
    model.weights().values().map(values).collect()
}

#[test]
fn rounding_keeps_few_levels_and_vectors() {
    let model = tiny();
    for (bits, group, most) in [(8, 64, 255), (4, 32, 15)] {
        let rounded = rounded(&model, bits).unwrap();
        for ((name, dims, before), (_, _, after)) in values(&model).iter().zip(values(&rounded)) {
            if *dims == 1 {
                assert_eq!(*before, after, "{name}");
                continue;
            }
            let distinct: std::collections::BTreeSet<u32> =
                after[..group].iter().map(|w| w.to_bits() & 0x7fff_ffff).collect();
            assert!(distinct.len() <= most / 2 + 1, "{name}: {}", distinct.len());
            let error = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let largest = before.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
            assert!(error > 0.0 && error <= largest / 7.0, "{name}");
        }
    }
}

#[test]
fn pruning_and_merging_do_what_they_say() {
    let model = tiny();
    let pruned = pruned(&model, 0.3).unwrap();
    for (name, dims, after) in values(&pruned) {
        let zeros = after.iter().filter(|w| **w == 0.0).count() as f64 / after.len() as f64;
        assert!(
            if dims > 1 { (0.29..0.32).contains(&zeros) } else { zeros < 0.01 },
            "{name} {zeros}"
        );
    }
    let half = merged(&model, &pruned, 0.5).unwrap();
    for ((before, after), half) in values(&model).iter().zip(values(&pruned)).zip(values(&half)) {
        let mean = |(a, b): (&f32, &f32)| (a + b) / 2.0;
        let expected: Vec<f32> = before.2.iter().zip(&after.2).map(mean).collect();
        let off = expected.iter().zip(&half.2).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-6, "{}", before.0);
    }
    assert!(fine_tuned(&model, &[], 1, 0).is_err());
}
