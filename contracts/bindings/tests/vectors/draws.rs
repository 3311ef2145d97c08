//! Seeds, answers, assignments, bundles.

use super::*;

pub(crate) fn drawn() -> Value {
    let contract = address("registry", 0);
    let beacon = bytes("beacon", 0);
    let (license, case) = (LicenseId::new(bytes("license", 0)), CaseId::new(bytes("case", 0)));
    let model = ModelId::new(bytes("model", 0));
    let license_seed = draw::seed(beacon, contract, Subject::License(license));
    let model_seed = draw::seed(beacon, contract, Subject::Universe(model, EPOCH));
    let case_seed = draw::seed(beacon, contract, Subject::Case(case));
    let direct =
        |subject: B256| keccak256((B256::new(beacon), a(contract), subject).abi_encode_packed());
    let universe = keccak256((b(model), U256::from(EPOCH)).abi_encode_params());
    assert_eq!(b(license_seed), direct(b(license)));
    assert_eq!(b(model_seed), direct(universe));
    assert_eq!(b(case_seed), direct(b(case)));

    let root = Root::new(bytes("root", 0));
    let salt = Salt::new(bytes("salt", 0));
    let indices: Vec<u32> = (0..64).chain([65_535, u32::MAX]).collect();
    for i in &indices {
        let candidate = |seed: Seed| {
            let hash = keccak256((b(seed), b(root), b(salt), *i).abi_encode_packed());
            (U256::from_be_bytes(hash.0) % uint!(16_U256)).to::<u8>()
        };
        assert_eq!(draw::personal_index(license_seed, root, *i, salt), candidate(license_seed));
        assert_eq!(draw::shared_index(model_seed, root, *i, salt), candidate(model_seed));
        let direct =
            (b(license_seed), b(root), b(salt), "assigned".to_owned(), *i).abi_encode_packed();
        let hash = keccak256(direct);
        let below = u16::from_be_bytes([hash[0], hash[1]]) < 16_384;
        assert_eq!(draw::is_assigned(license_seed, root, *i, salt, 16_384), below);
    }

    let burned = [0_u32, 3, 4, 255, 256, 299];
    let shared_burned = [300_u32, 511, 512];
    let all_burned = burned.iter().chain(&shared_burned).copied().collect();
    let parts = draw::Parts::new(300 * 16, 260 * 16).unwrap();
    let drawn = draw::draw_bundles(case_seed, parts, &all_burned, 8, 5).unwrap();
    let (picked, shared_picked) = drawn.split_at(8);
    let mut left: Vec<u32> = (0..300).filter(|i| !burned.contains(i)).collect();
    for (j, bundle) in (0_u32..).zip(&drawn) {
        if j == 8 {
            left = (300..560).filter(|i| !shared_burned.contains(i)).collect();
        }
        let hash = keccak256((b(case_seed), j).abi_encode_packed());
        let index = U256::from_be_bytes(hash.0) % U256::from(left.len());
        assert_eq!(left.remove(index.to()), *bundle);
    }
    json!({
        "beaconValue": hex(beacon), "contract": contract, "licenseId": license,
        "modelId": model, "epoch": EPOCH.to_string(), "caseId": case,
        "licenseSeed": license_seed, "modelSeed": model_seed, "caseSeed": case_seed,
        "root": root, "salt": salt, "assignmentP": "16384",
        "index": column(&indices, ToString::to_string),
        "personal": column(&indices, |i| draw::personal_index(license_seed, root, *i, salt).to_string()),
        "shared": column(&indices, |i| draw::shared_index(model_seed, root, *i, salt).to_string()),
        "assigned": column(&indices, |i| {
            u8::from(draw::is_assigned(license_seed, root, *i, salt, 16_384)).to_string()
        }),
        "bundleTotal": "300",
        "burned": column(&burned, ToString::to_string),
        "picked": column(picked, ToString::to_string),
        "sharedTotal": "260",
        "sharedBurned": column(&shared_burned, ToString::to_string),
        "sharedPicked": column(shared_picked, ToString::to_string),
    })
}
