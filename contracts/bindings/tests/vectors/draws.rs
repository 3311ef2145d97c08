//! Seeds, answers, assignments, seats, bundles.

use super::*;
use oml_contracts::round::{SeatIndex, draw_bundles, round_seed, seat_ticket};

pub(crate) fn drawn() -> Value {
    let contract = address("registry", 0);
    let beacon = bytes("beacon", 0);
    let license = LicenseId::new(bytes("license", 0));
    let round = RoundId::new(bytes("round", 0));
    let model = ModelId::new(bytes("model", 0));
    let license_seed = draw::seed(beacon, contract, Subject::License(license));
    let model_seed = draw::seed(beacon, contract, Subject::Universe(model, EPOCH));
    let seed = round_seed(beacon, contract, round);
    let direct =
        |subject: B256| keccak256((B256::new(beacon), a(contract), subject).abi_encode_packed());
    let universe = keccak256((b(model), U256::from(EPOCH)).abi_encode_params());
    assert_eq!(b(license_seed), direct(b(license)));
    assert_eq!(b(model_seed), direct(universe));
    assert_eq!(b(seed), direct(b(round)));

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

    // Bundles that were burned the day before the seal are passed over, those of its day are not.
    let (count, wanted) = (300_u32, 8_u8);
    let burned: Vec<u32> = (0..count).filter(|bundle| bundle % 5 < 2).collect();
    let burned_before = |bundle: u32| bundle.is_multiple_of(5);
    let picked = draw_bundles(&seed, count, wanted, burned_before);
    let mut direct: Vec<u32> = Vec::new();
    let mut t = 0_u32;
    while direct.len() < usize::from(wanted) {
        let hash = keccak256((b(seed), t).abi_encode_packed());
        let bundle = (U256::from_be_bytes(hash.0) % U256::from(count)).to();
        if !burned_before(bundle) && !direct.contains(&bundle) {
            direct.push(bundle);
        }
        t += 1;
    }
    assert_eq!(picked, direct);
    assert_eq!(draw_bundles(&seed, 10, 8, burned_before).len(), 8);

    let tickets = 1_000_003_u32;
    let seats: Vec<SeatIndex> = (0..32).map(SeatIndex).collect();
    let ticket = |seat: &SeatIndex| seat_ticket(&seed, *seat, tickets);
    for seat in &seats {
        let hash = keccak256((b(seed), "seat".to_owned(), [seat.0]).abi_encode_packed());
        let direct: u32 = (U256::from_be_bytes(hash.0) % U256::from(tickets)).to();
        assert_eq!(ticket(seat), direct);
    }
    json!({
        "beaconValue": hex(beacon), "contract": contract, "licenseId": license,
        "modelId": model, "epoch": EPOCH.to_string(), "roundId": round,
        "licenseSeed": license_seed, "modelSeed": model_seed, "roundSeed": seed,
        "root": root, "salt": salt, "assignmentP": "16384",
        "index": column(&indices, ToString::to_string),
        "personal": column(&indices, |i| draw::personal_index(license_seed, root, *i, salt).to_string()),
        "shared": column(&indices, |i| draw::shared_index(model_seed, root, *i, salt).to_string()),
        "assigned": column(&indices, |i| {
            u8::from(draw::is_assigned(license_seed, root, *i, salt, 16_384)).to_string()
        }),
        "bundles": count.to_string(), "day": "20000",
        "burned": column(&burned, ToString::to_string),
        "burnedOn": column(&burned, |i| if burned_before(*i) { "19999" } else { "20000" }.to_owned()),
        "picked": column(&picked, ToString::to_string),
        "tickets": tickets.to_string(),
        "seat": column(&seats, ToString::to_string),
        "ticket": column(&seats, |seat| ticket(seat).to_string()),
    })
}
