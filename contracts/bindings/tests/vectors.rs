//! Golden vectors: `tests/vectors/*.json` must equal what this crate computes, and what alloy's own
//! encoders compute. Forge reads the same files.
//!
//! `OML_BLESS=1 cargo test -p oml-contracts --test vectors` writes them anew.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, U256, keccak256, uint};
use alloy::sol_types::{SolStruct as _, SolValue as _, eip712_domain};
use k256::ecdsa::SigningKey;
use oml_contracts::draw::{self, Subject};
use oml_contracts::evidence::{EValue, EvidenceTerms, Multiplier, log2_ceil, log2_floor, threshold};
use oml_contracts::leaf::{LeafTags, leaf_hash};
use oml_contracts::tag::{normalise, tag_of};
use oml_contracts::terms::{Royalty, SlashTerms, Violation, level};
use oml_contracts::tree::{UniverseTree, verify_bundle};
use oml_contracts::*;
use serde_json::{Value, json};

mod sol {
    alloy::sol! {
        struct Royalty { address payee; uint16 bps; }
        struct EvidenceTerms {
            uint64 personalHit; uint64 personalMiss; uint64 sharedHit; uint64 sharedMiss;
            uint16 assignmentP; uint64 alphaInverse;
        }
        struct SlashTerms {
            uint16 equivocationBps; uint16 underMeteringBps; uint16 outOfTermBps;
            uint16 unlicensedModelBps; uint16 unpaidUseBps; uint16 reporterBps; uint16 ownerBps;
        }
        struct Terms {
            bytes32 modelId; uint32 epoch; address owner; address currency; uint128 licenseFee;
            uint128 pricePerRequest; uint128 pricePerThousandTokens; uint16 ownerShareBps;
            uint128 collateral; uint16 minCollateralRatioBps; uint40 duration;
            uint40 deliveryPeriod; uint40 settlementPeriod; uint40 thawPeriod;
            uint16 maxDeployments; uint8 evidenceLevels; bool leakLiability; uint128 reportBond;
            uint128 proverFee; EvidenceTerms evidence; SlashTerms slash; Royalty[] royalties;
        }
        struct Voucher {
            bytes32 channelId; uint128 cumulativeAmount; uint64 cumulativeRequests;
            uint64 cumulativeTokens; bytes32 requestHash;
        }
        struct Receipt {
            bytes32 licenseId; bytes32 channelId; uint64 seq; uint64 cumulativeRequests;
            uint64 cumulativeTokens; uint64 servedAt; bytes32 requestHash; bytes32 responseHash;
        }
    }
}

const CHAIN: u64 = 31_337;

/// Deterministic filler that looks like nothing.
fn bytes(name: &str, i: u32) -> [u8; 32] {
    keccak256(format!("{name}/{i}")).0
}

fn address(name: &str, i: u32) -> EthAddress {
    let mut address = [0; 20];
    address.copy_from_slice(&bytes(name, i)[..20]);
    EthAddress::new(address)
}

fn b(id: impl Into<[u8; 32]>) -> B256 {
    B256::new(id.into())
}

fn a(address: EthAddress) -> Address {
    Address::new(address.into())
}

fn column<T>(items: &[T], show: impl Fn(&T) -> String) -> Value {
    Value::Array(items.iter().map(|item| Value::String(show(item))).collect())
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn texts() -> [&'static str; 7] {
    [
        "",
        "a",
        "Generate a sentence starting with the word harbour",
        "http://127.0.0.1:9001",
        "ﬁne, 東京\n",
        " \"Paris\", of course.",
        "…?!",
    ]
}

fn bps(bps: u16) -> Bps {
    Bps::new(bps).unwrap()
}

fn terms(i: u32) -> Terms {
    Terms {
        model_id: ModelId::new(bytes("model", i)),
        epoch: i,
        owner: address("owner", i),
        currency: if i == 0 { EthAddress::ZERO } else { address("token", i) },
        license_fee: Amount::new(u128::from(i) << 90 | 7),
        price_per_request: Amount::new(3 + u128::from(i)),
        price_per_thousand_tokens: Amount::new(2_500),
        owner_share_bps: bps(3_000),
        collateral: if i == 2 { Amount::MAX } else { Amount::new(10_u128.pow(18)) },
        min_collateral_ratio_bps: 10_000,
        duration: if i == 2 { (1 << 40) - 1 } else { 31_536_000 },
        delivery_period: 86_400,
        settlement_period: 604_800,
        thaw_period: 1_209_600,
        max_deployments: 4,
        evidence_levels: level::PROOF | level::COMMITTEE,
        leak_liability: i == 2,
        report_bond: Amount::new(10_u128.pow(17)),
        prover_fee: Amount::new(10_u128.pow(15)),
        evidence: evidence(),
        slash: SlashTerms {
            equivocation_bps: bps(10_000),
            under_metering_bps: bps(8_000),
            out_of_term_bps: bps(6_000),
            unlicensed_model_bps: bps(9_000),
            unpaid_use_bps: bps(5_000),
            reporter_bps: bps(3_000),
            owner_bps: bps(4_000),
        },
        royalties: (0..i)
            .map(|j| Royalty { payee: address("parent", j), bps: bps(100 * (j as u16 + 1)) })
            .collect(),
    }
}

fn evidence() -> EvidenceTerms {
    EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000_000).unwrap()
}

fn sol_terms(t: &Terms) -> sol::Terms {
    let (e, s) = (&t.evidence, &t.slash);
    sol::Terms {
        modelId: b(t.model_id),
        epoch: t.epoch,
        owner: a(t.owner),
        currency: a(t.currency),
        licenseFee: t.license_fee.get(),
        pricePerRequest: t.price_per_request.get(),
        pricePerThousandTokens: t.price_per_thousand_tokens.get(),
        ownerShareBps: t.owner_share_bps.get(),
        collateral: t.collateral.get(),
        minCollateralRatioBps: t.min_collateral_ratio_bps,
        duration: t.duration.try_into().unwrap(),
        deliveryPeriod: t.delivery_period.try_into().unwrap(),
        settlementPeriod: t.settlement_period.try_into().unwrap(),
        thawPeriod: t.thaw_period.try_into().unwrap(),
        maxDeployments: t.max_deployments,
        evidenceLevels: t.evidence_levels,
        leakLiability: t.leak_liability,
        reportBond: t.report_bond.get(),
        proverFee: t.prover_fee.get(),
        evidence: sol::EvidenceTerms {
            personalHit: e.personal_hit.raw(),
            personalMiss: e.personal_miss.raw(),
            sharedHit: e.shared_hit.raw(),
            sharedMiss: e.shared_miss.raw(),
            assignmentP: e.assignment_p,
            alphaInverse: e.alpha_inverse,
        },
        slash: sol::SlashTerms {
            equivocationBps: s.equivocation_bps.get(),
            underMeteringBps: s.under_metering_bps.get(),
            outOfTermBps: s.out_of_term_bps.get(),
            unlicensedModelBps: s.unlicensed_model_bps.get(),
            unpaidUseBps: s.unpaid_use_bps.get(),
            reporterBps: s.reporter_bps.get(),
            ownerBps: s.owner_bps.get(),
        },
        royalties: t
            .royalties
            .iter()
            .map(|r| sol::Royalty { payee: a(r.payee), bps: r.bps.get() })
            .collect(),
    }
}

fn hashes() -> Value {
    let (registry, escrow) = (address("registry", 0), address("escrow", 0));
    let manager = address("challengeManager", 0);
    let (owner, host) = (address("owner", 9), address("host", 0));
    let (weights, metadata) = (ContentHash::new(bytes("w", 0)), ContentHash::new(bytes("m", 0)));
    let model = hash::model_id(CHAIN, registry, owner, weights, metadata);
    let direct =
        (U256::from(CHAIN), a(registry), a(owner), b(weights), b(metadata)).abi_encode_params();
    assert_eq!(b(model), keccak256(direct));

    let all_terms: Vec<Terms> = (0..4).map(terms).collect();
    let offers: Vec<OfferId> =
        all_terms.iter().map(|t| hash::offer_id(CHAIN, registry, t)).collect();
    for (t, offer) in all_terms.iter().zip(&offers) {
        let direct = (U256::from(CHAIN), a(registry), sol_terms(t)).abi_encode_params();
        assert_eq!(b(*offer), keccak256(direct));
    }
    let nonce = LicenseNonce::new((1 << 95) + 5).unwrap();
    let license = hash::license_id(offers[1], host, nonce);
    let direct = (b(offers[1]), a(host), U256::from(nonce.get())).abi_encode_params();
    assert_eq!(b(license), keccak256(direct));

    let (payer, signer) = (address("payer", 0), address("signer", 0));
    let salt = Salt::new(bytes("salt", 0));
    let channel = hash::channel_id(CHAIN, escrow, license, payer, signer, salt);
    let direct = (U256::from(CHAIN), a(escrow), b(license), a(payer), a(signer), b(salt));
    assert_eq!(b(channel), keccak256(direct.abi_encode_params()));

    let deployment = hash::deployment_hash("http://127.0.0.1:9001");
    let case = hash::case_id(CHAIN, manager, license, deployment, 3);
    let direct = (U256::from(CHAIN), a(manager), b(license), b(deployment), U256::from(3));
    assert_eq!(b(case), keccak256(direct.abi_encode_params()));

    let keys: Vec<KeyHash> = texts().iter().map(|t| hash::key_hash(t)).collect();
    let requests: Vec<RequestHash> = keys.iter().map(|k| hash::request_hash(model, *k)).collect();
    let responses: Vec<ResponseHash> = texts().iter().map(|t| hash::response_hash(t)).collect();
    for ((text, key), (request, response)) in
        texts().iter().zip(&keys).zip(requests.iter().zip(&responses))
    {
        assert_eq!(b(*key), keccak256(text));
        let direct = (keccak256("OML.request.v1"), b(model), b(*key)).abi_encode_packed();
        assert_eq!(b(*request), keccak256(direct));
        let direct = (keccak256("OML.response.v1"), (*text).to_owned()).abi_encode_packed();
        assert_eq!(b(*response), keccak256(direct));
    }

    let tags: Vec<Tag> = texts().iter().map(|t| tag_of(t)).collect();
    let prover = address("prover", 0);
    let commitment = hash::tags_commitment(case, prover, salt, hash::tags_hash(&tags));
    let packed = hash::packed_tags(&tags);
    let direct = (b(case), a(prover), b(salt), keccak256(&packed)).abi_encode_params();
    assert_eq!(b(commitment), keccak256(direct));
    let questions = hash::questions_hash(&keys);
    let direct: Vec<u8> = keys.iter().flat_map(|k| *k.as_bytes()).collect();
    assert_eq!(b(questions), keccak256(direct));

    let reporter = address("reporter", 0);
    let case_claim = hash::case_claim(license, deployment);
    assert_eq!(b(case_claim), keccak256((b(license), b(deployment)).abi_encode_params()));
    let receipt = Digest::new(bytes("digest", 0));
    let violations =
        [Violation::Equivocation, Violation::UnderMetering, Violation::OutOfTerm];
    let proof_claims: Vec<ClaimHash> =
        violations.iter().map(|v| hash::proof_claim(*v, license, receipt)).collect();
    for (violation, claim) in violations.iter().zip(&proof_claims) {
        let direct = (U256::from(*violation as u8), b(license), b(receipt)).abi_encode_params();
        assert_eq!(b(*claim), keccak256(direct));
    }
    let report = hash::report_commitment(reporter, case_claim, salt);
    let direct = (a(reporter), b(case_claim), b(salt)).abi_encode_params();
    assert_eq!(b(report), keccak256(direct));

    json!({
        "chainId": CHAIN.to_string(),
        "registry": registry, "escrow": escrow, "challengeManager": manager,
        "owner": owner, "weightsHash": weights, "metadataHash": metadata, "modelId": model,
        "terms": column(&all_terms, |t| hex(sol_terms(t).abi_encode())),
        "offerId": column(&offers, ToString::to_string),
        "host": host, "nonce": nonce, "licenseId": license,
        "payer": payer, "signer": signer, "salt": salt, "channelId": channel,
        "uri": "http://127.0.0.1:9001", "deploymentHash": deployment,
        "caseNumber": "3", "caseId": case,
        "text": texts(),
        "keyHash": column(&keys, ToString::to_string),
        "requestHash": column(&requests, ToString::to_string),
        "responseHash": column(&responses, ToString::to_string),
        "normalised": column(&texts(), |t| normalise(t)),
        "tag": column(&tags, ToString::to_string),
        "prover": prover, "tags": hex(&packed), "tagsCommitment": commitment,
        "questionsHash": questions,
        "reporter": reporter, "caseClaim": case_claim, "caseReport": report,
        "violation": column(&violations, |v| (*v as u8).to_string()),
        "receiptDigest": receipt,
        "proofClaim": column(&proof_claims, ToString::to_string),
    })
}

/// Leaf `i` of the vector universe: (salt, key hash, tags).
fn leaf_parts(i: u32) -> (Salt, KeyHash, LeafTags) {
    let tag = |j: u32| {
        let [x, y, ..] = bytes("candidate", 16 * i + j);
        // Spread over the range, distinct by construction.
        Tag::new([j as u8 * 16 + 1, x, y, i as u8])
    };
    let tags = LeafTags::new(std::array::from_fn(|j| tag(j as u32))).unwrap();
    (Salt::new(bytes("leafSalt", i)), KeyHash::new(bytes("leafKey", i)), tags)
}

const EPOCH: u32 = 2;

fn leaf_of(model: ModelId, i: u32) -> LeafHash {
    let (salt, key, tags) = leaf_parts(i);
    leaf_hash(model, EPOCH, i, salt, key, &tags)
}

fn leaf() -> Value {
    let model = ModelId::new(bytes("model", 0));
    let indices = [0_u32, 1, 15, 16, 65_535, u32::MAX];
    let parts: Vec<_> = indices.map(leaf_parts).to_vec();
    let leaves = indices.map(|i| leaf_of(model, i));
    for ((i, (salt, key, tags)), leaf) in indices.iter().zip(&parts).zip(&leaves) {
        let packed: Vec<u8> = tags.as_array().iter().flat_map(|t| *t.as_bytes()).collect();
        let direct =
            (keccak256("OML.leaf.v1"), b(model), EPOCH, *i, b(*salt), b(*key)).abi_encode_packed();
        assert_eq!(direct.len() + packed.len(), 200);
        assert_eq!(b(*leaf), keccak256([direct, packed].concat()));
    }
    json!({
        "modelId": model, "epoch": EPOCH.to_string(),
        "index": column(&indices, ToString::to_string),
        "salt": column(&parts, |p| p.0.to_string()),
        "keyHash": column(&parts, |p| p.1.to_string()),
        "tags0": column(&parts, |p| hex(p.2.words()[0])),
        "tags1": column(&parts, |p| hex(p.2.words()[1])),
        "leaf": column(&leaves, ToString::to_string),
    })
}

/// The definition of the tree, over the padded leaves.
fn plain_root(leaves: &[LeafHash]) -> B256 {
    let mut level: Vec<B256> = leaves.iter().map(|leaf| b(*leaf)).collect();
    level.resize(leaves.len().max(16).next_power_of_two(), B256::ZERO);
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| keccak256((pair[0], pair[1]).abi_encode())).collect();
    }
    level[0]
}

fn tree() -> Value {
    let model = ModelId::new(bytes("model", 0));
    let counts = [16_u32, 32, 48, 80, 256];
    let roots: Vec<Root> = counts
        .iter()
        .map(|count| {
            let leaves: Vec<LeafHash> = (0..*count).map(|i| leaf_of(model, i)).collect();
            let tree = UniverseTree::from_leaves(leaves.iter().copied()).unwrap();
            assert_eq!(b(tree.root()), plain_root(&leaves));
            tree.root()
        })
        .collect();

    // One opened bundle in full: the last of the universe with 80 leaves.
    let (count, bundle) = (80_u32, 4_u32);
    let leaves: Vec<LeafHash> = (0..count).map(|i| leaf_of(model, i)).collect();
    let tree = UniverseTree::from_leaves(leaves.iter().copied()).unwrap();
    let siblings = tree.bundle_proof(bundle).unwrap();
    let opened: [LeafHash; 16] = leaves[64..80].try_into().unwrap();
    assert!(verify_bundle(tree.root(), count, bundle, &opened, &siblings));
    let parts: Vec<_> = (64..80).map(leaf_parts).collect();
    json!({
        "modelId": model, "epoch": EPOCH.to_string(),
        "count": column(&counts, ToString::to_string),
        "root": column(&roots, ToString::to_string),
        "bundleCount": count.to_string(), "bundle": bundle.to_string(),
        "bundleRoot": tree.root(),
        "bundleSalt": column(&parts, |p| p.0.to_string()),
        "bundleKeyHash": column(&parts, |p| p.1.to_string()),
        "bundleTags0": column(&parts, |p| hex(p.2.words()[0])),
        "bundleTags1": column(&parts, |p| hex(p.2.words()[1])),
        "bundleLeaf": column(&opened, ToString::to_string),
        "sibling": column(&siblings, |s| hex(s)),
    })
}

fn drawn() -> Value {
    let contract = address("registry", 0);
    let beacon = bytes("beacon", 0);
    let (license, case) = (LicenseId::new(bytes("license", 0)), CaseId::new(bytes("case", 0)));
    let model = ModelId::new(bytes("model", 0));
    let license_seed = draw::seed(beacon, contract, Subject::License(license));
    let model_seed = draw::seed(beacon, contract, Subject::Universe(model, EPOCH));
    let case_seed = draw::seed(beacon, contract, Subject::Case(case));
    let direct = |subject: B256| {
        keccak256((B256::new(beacon), a(contract), subject).abi_encode_packed())
    };
    let universe = keccak256((b(model), U256::from(EPOCH)).abi_encode_params());
    assert_eq!(b(license_seed), direct(b(license)));
    assert_eq!(b(model_seed), direct(universe));
    assert_eq!(b(case_seed), direct(b(case)));

    let root = Root::new(bytes("root", 0));
    let indices: Vec<u32> = (0..64).chain([65_535, u32::MAX]).collect();
    for i in &indices {
        let candidate = |seed: Seed| {
            let hash = keccak256((b(seed), b(root), *i).abi_encode_packed());
            (U256::from_be_bytes(hash.0) % uint!(16_U256)).to::<u8>()
        };
        assert_eq!(draw::personal_index(license_seed, root, *i), candidate(license_seed));
        assert_eq!(draw::shared_index(model_seed, root, *i), candidate(model_seed));
        let direct = (b(license_seed), b(root), "assigned".to_owned(), *i).abi_encode_packed();
        let hash = keccak256(direct);
        let below = u16::from_be_bytes([hash[0], hash[1]]) < 16_384;
        assert_eq!(draw::is_assigned(license_seed, root, *i, 16_384), below);
    }

    let burned = [0_u32, 3, 4, 255, 256, 299];
    let picked =
        draw::draw_bundles(case_seed, 300, &burned.iter().copied().collect(), 8).unwrap();
    let mut left: Vec<u32> = (0..300).filter(|i| !burned.contains(i)).collect();
    for (j, bundle) in (0_u32..).zip(&picked) {
        let hash = keccak256((b(case_seed), j).abi_encode_packed());
        let index = U256::from_be_bytes(hash.0) % U256::from(left.len());
        assert_eq!(left.remove(index.to()), *bundle);
    }
    json!({
        "beaconValue": hex(beacon), "contract": contract, "licenseId": license,
        "modelId": model, "epoch": EPOCH.to_string(), "caseId": case,
        "licenseSeed": license_seed, "modelSeed": model_seed, "caseSeed": case_seed,
        "root": root, "assignmentP": "16384",
        "index": column(&indices, ToString::to_string),
        "personal": column(&indices, |i| draw::personal_index(license_seed, root, *i).to_string()),
        "shared": column(&indices, |i| draw::shared_index(model_seed, root, *i).to_string()),
        "assigned": column(&indices, |i| {
            u8::from(draw::is_assigned(license_seed, root, *i, 16_384)).to_string()
        }),
        "bundleTotal": "300",
        "burned": column(&burned, ToString::to_string),
        "picked": column(&picked, ToString::to_string),
    })
}

fn evidence_values() -> Value {
    let one = 1_u64 << 32;
    let mut values: Vec<u64> = vec![1, 2, 3, one - 1, one, one + 1, 3 * one, u64::MAX];
    values.extend((0..24).map(|i| {
        let [x, y, z, w, shift, ..] = bytes("q32", i);
        (u64::from(u32::from_be_bytes([x, y, z, w])) << (shift % 32)).max(1)
    }));
    let integers: [u64; 10] = [1, 2, 3, 7, 16, 1_000, 2_048, 1_000_000, 1_000_000_000, u64::MAX];

    // (h, m, p, scale): at the limit, one above it, and out of order.
    let eight = 8 * one;
    let pairs = [
        (eight + 8, (eight - 8) / 15, 1_u32, 16_u32),
        (eight + 9, (eight - 8) / 15, 1, 16),
        (4 * one - 3, 1, 16_384, 65_536),
        (4 * one, 1, 16_384, 65_536),
        (one, 1, 1, 16),
        (one + 1, one, 1, 16),
        (one + 1, 0, 1, 16),
        (u64::MAX, one - 1, 1, 16),
        (one + 1, one - 1, 1, 65_536),
    ];
    let valid = |(h, m, p, scale): &(u64, u64, u32, u32)| {
        let wide = |x: u64| U256::from(x);
        let mean = U256::from(*p) * wide(*h) + U256::from(scale - p) * wide(*m);
        *h > one && *m < one && *m > 0 && mean <= U256::from(*scale) * wide(one)
    };
    for pair in &pairs {
        let (h, m, p, scale) = *pair;
        let (hit, miss) = (Multiplier::new(h), Multiplier::new(m));
        let terms = if scale == 16 {
            EvidenceTerms { personal_hit: hit, personal_miss: miss, ..evidence() }
        } else {
            let p = u16::try_from(p).unwrap();
            EvidenceTerms { shared_hit: hit, shared_miss: miss, assignment_p: p, ..evidence() }
        };
        assert_eq!(terms.validate().is_ok(), valid(pair), "{pair:?}");
    }

    let runs = [(0_u32, 0_u32), (10, 0), (10, 2), (10, 3), (0, 16), (32, 0), (255, 0), (0, 255)];
    let sums = runs.map(|(hits, misses)| {
        let mut e = EValue::new(&evidence()).unwrap();
        (0..hits).for_each(|_| e.personal(true));
        (0..misses).for_each(|_| e.personal(false));
        e.log2()
    });
    let limits = [(1_000_000_000_u64, 1_u32, 1_u32), (1_000_000_000, 7, 2_048), (2, 1, 1), (u64::MAX, u32::MAX, 3)];
    let terms = evidence();
    json!({
        "q32": column(&values, ToString::to_string),
        "log2Floor": column(&values, |x| log2_floor((*x).into()).raw().to_string()),
        "integer": column(&integers, ToString::to_string),
        "log2Ceil": column(&integers, |n| log2_ceil(u128::from(*n) << 32).raw().to_string()),
        "hit": column(&pairs, |p| p.0.to_string()),
        "miss": column(&pairs, |p| p.1.to_string()),
        "p0Numerator": column(&pairs, |p| p.2.to_string()),
        "p0Denominator": column(&pairs, |p| p.3.to_string()),
        "valid": column(&pairs, |p| u8::from(valid(p)).to_string()),
        "evidenceHit": terms.personal_hit.raw().to_string(),
        "evidenceMiss": terms.personal_miss.raw().to_string(),
        "hits": column(&runs, |r| r.0.to_string()),
        "misses": column(&runs, |r| r.1.to_string()),
        "evidence": column(&sums, |e| e.raw().to_string()),
        "alphaInverse": column(&limits, |l| l.0.to_string()),
        "cases": column(&limits, |l| l.1.to_string()),
        "licenses": column(&limits, |l| l.2.to_string()),
        "threshold": column(&limits, |l| threshold(l.0, l.1, l.2).raw().to_string()),
    })
}

fn eip712() -> Value {
    let (escrow, manager) = (address("escrow", 0), address("challengeManager", 0));
    let vouchers_domain = Domain { chain_id: CHAIN, verifying_contract: escrow };
    let receipts_domain = Domain { chain_id: CHAIN, verifying_contract: manager };
    let alloy_domain = |contract| {
        eip712_domain! {
            name: "OML",
            version: "1",
            chain_id: CHAIN,
            verifying_contract: a(contract),
        }
    };
    let key = SigningKey::from_slice(&bytes("key", 0)).unwrap();
    let vouchers: Vec<Voucher> = (0..3)
        .map(|i| Voucher {
            channel_id: ChannelId::new(bytes("channel", i)),
            cumulative_amount: Amount::new(u128::MAX >> (60 * i)),
            cumulative_requests: u64::from(i) + 1,
            cumulative_tokens: u64::MAX >> (30 * i),
            request_hash: RequestHash::new(bytes("request", i)),
        })
        .collect();
    let receipts: Vec<Receipt> = (0..3)
        .map(|i| Receipt {
            license_id: LicenseId::new(bytes("license", i)),
            channel_id: ChannelId::new(bytes("channel", i)),
            seq: u64::from(i),
            cumulative_requests: u64::from(i) + 1,
            cumulative_tokens: u64::MAX >> (30 * i),
            served_at: 1_800_000_000 + u64::from(i),
            request_hash: RequestHash::new(bytes("request", i)),
            response_hash: ResponseHash::new(bytes("response", i)),
        })
        .collect();
    for v in &vouchers {
        let theirs = sol::Voucher {
            channelId: b(v.channel_id),
            cumulativeAmount: v.cumulative_amount.get(),
            cumulativeRequests: v.cumulative_requests,
            cumulativeTokens: v.cumulative_tokens,
            requestHash: b(v.request_hash),
        };
        let digest = theirs.eip712_signing_hash(&alloy_domain(escrow));
        assert_eq!(b(v.digest(&vouchers_domain)), digest);
    }
    for r in &receipts {
        let theirs = sol::Receipt {
            licenseId: b(r.license_id),
            channelId: b(r.channel_id),
            seq: r.seq,
            cumulativeRequests: r.cumulative_requests,
            cumulativeTokens: r.cumulative_tokens,
            servedAt: r.served_at,
            requestHash: b(r.request_hash),
            responseHash: b(r.response_hash),
        };
        let digest = theirs.eip712_signing_hash(&alloy_domain(manager));
        assert_eq!(b(r.digest(&receipts_domain)), digest);
    }
    let voucher_signature = |v: &Voucher| v.sign(&vouchers_domain, &key).unwrap().to_string();
    let receipt_signature = |r: &Receipt| r.sign(&receipts_domain, &key).unwrap().to_string();
    json!({
        "chainId": CHAIN.to_string(), "escrow": escrow, "challengeManager": manager,
        "escrowSeparator": hex(vouchers_domain.separator()),
        "challengeManagerSeparator": hex(receipts_domain.separator()),
        "signer": EthAddress::of_key(key.verifying_key()),
        "voucherChannelId": column(&vouchers, |v| v.channel_id.to_string()),
        "voucherCumulativeAmount": column(&vouchers, |v| v.cumulative_amount.to_string()),
        "voucherCumulativeRequests": column(&vouchers, |v| v.cumulative_requests.to_string()),
        "voucherCumulativeTokens": column(&vouchers, |v| v.cumulative_tokens.to_string()),
        "voucherRequestHash": column(&vouchers, |v| v.request_hash.to_string()),
        "voucherDigest": column(&vouchers, |v| v.digest(&vouchers_domain).to_string()),
        "voucherSignature": column(&vouchers, voucher_signature),
        "receiptLicenseId": column(&receipts, |r| r.license_id.to_string()),
        "receiptChannelId": column(&receipts, |r| r.channel_id.to_string()),
        "receiptSeq": column(&receipts, |r| r.seq.to_string()),
        "receiptCumulativeRequests": column(&receipts, |r| r.cumulative_requests.to_string()),
        "receiptCumulativeTokens": column(&receipts, |r| r.cumulative_tokens.to_string()),
        "receiptServedAt": column(&receipts, |r| r.served_at.to_string()),
        "receiptRequestHash": column(&receipts, |r| r.request_hash.to_string()),
        "receiptResponseHash": column(&receipts, |r| r.response_hash.to_string()),
        "receiptDigest": column(&receipts, |r| r.digest(&receipts_domain).to_string()),
        "receiptSignature": column(&receipts, receipt_signature),
    })
}

fn check(name: &str, fresh: &Value) {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let path = folder.join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(fresh).unwrap() + "\n";
    if std::env::var_os("OML_BLESS").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "tests/vectors/{name}.json differs from the code; if a format was changed on purpose, run \
         OML_BLESS=1 cargo test -p oml-contracts --test vectors"
    );
}

#[test]
fn hashes_are_fixed() {
    check("hashes", &hashes());
}

#[test]
fn leaves_are_fixed() {
    check("leaf", &leaf());
}

#[test]
fn trees_are_fixed() {
    check("tree", &tree());
}

#[test]
fn draws_are_fixed() {
    check("draw", &drawn());
}

#[test]
fn evidence_is_fixed() {
    check("evidence", &evidence_values());
}

#[test]
fn signed_structs_are_fixed() {
    check("eip712", &eip712());
}
