//! Ids, commitments and everything else that is one hash.

use super::*;

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
        trial_period: 86_400 * u64::from(i),
        settlement_period: 604_800,
        thaw_period: 1_209_600,
        max_deployments: 4,
        evidence_levels: level::PROOF | level::ROUND,
        leak_liability: i == 2,
        seats: 16,
        alpha_inverse: 1_000_000_000 + u64::from(i),
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
            .map(|j| Royalty {
                payee: address("parent", j),
                bps: bps(100 * (u16::try_from(j).unwrap() + 1)),
            })
            .collect(),
    }
}

pub(crate) fn sol_terms(t: &Terms) -> sol::Terms {
    let s = &t.slash;
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
        trialPeriod: t.trial_period.try_into().unwrap(),
        settlementPeriod: t.settlement_period.try_into().unwrap(),
        thawPeriod: t.thaw_period.try_into().unwrap(),
        maxDeployments: t.max_deployments,
        evidenceLevels: t.evidence_levels,
        leakLiability: t.leak_liability,
        seats: t.seats,
        alphaInverse: t.alpha_inverse,
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

pub(crate) fn hashes() -> Value {
    let (registry, escrow) = (address("registry", 0), address("escrow", 0));
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
    let keys: Vec<KeyHash> = texts().iter().map(|t| hash::key_hash(t)).collect();
    let requests: Vec<RequestHash> = keys.iter().map(|k| hash::request_hash(model, *k)).collect();
    let responses: Vec<ResponseHash> = texts().iter().map(|t| hash::response_hash(t)).collect();
    for ((text, key), (request, response)) in
        texts().iter().zip(&keys).zip(requests.iter().zip(&responses))
    {
        assert_eq!(b(*key), keccak256(text));
        let direct = (keccak256("OML.request.v1"), b(model), b(*key)).abi_encode_packed();
        assert_eq!(b(*request), keccak256(direct));
        let tag = B256::right_padding_from(tag_of(text).as_bytes());
        let direct = (keccak256("OML.response.v2"), tag, keccak256(text)).abi_encode_packed();
        let direct = [&direct[..36], &direct[64..]].concat();
        assert_eq!(b(*response), keccak256(direct));
    }

    let tags: Vec<Tag> = texts().iter().map(|t| tag_of(t)).collect();
    let receipt = Digest::new(bytes("digest", 0));
    let violations = [Violation::Equivocation, Violation::UnderMetering, Violation::OutOfTerm];
    let proof_claims: Vec<ClaimHash> =
        violations.iter().map(|v| hash::proof_claim(*v, license, receipt)).collect();
    for (violation, claim) in violations.iter().zip(&proof_claims) {
        let direct = (U256::from(*violation as u8), b(license), b(receipt)).abi_encode_params();
        assert_eq!(b(*claim), keccak256(direct));
    }
    let reporter = address("reporter", 0);
    let report = hash::report_commitment(reporter, proof_claims[0], salt);
    let direct = (a(reporter), b(proof_claims[0]), b(salt)).abi_encode_params();
    assert_eq!(b(report), keccak256(direct));

    json!({
        "chainId": CHAIN.to_string(),
        "registry": registry, "escrow": escrow,
        "owner": owner, "weightsHash": weights, "metadataHash": metadata, "modelId": model,
        "terms": column(&all_terms, |t| hex(sol_terms(t).abi_encode())),
        "offerId": column(&offers, ToString::to_string),
        "host": host, "nonce": nonce, "licenseId": license,
        "payer": payer, "signer": signer, "salt": salt, "channelId": channel,
        "uri": "http://127.0.0.1:9001", "deploymentHash": deployment,
        "text": texts(),
        "keyHash": column(&keys, ToString::to_string),
        "requestHash": column(&requests, ToString::to_string),
        "responseHash": column(&responses, ToString::to_string),
        "normalised": column(&texts(), |t| normalise(t)),
        "tag": column(&tags, ToString::to_string),
        "reporter": reporter, "report": report,
        "violation": column(&violations, |v| (*v as u8).to_string()),
        "receiptDigest": receipt,
        "proofClaim": column(&proof_claims, ToString::to_string),
    })
}
