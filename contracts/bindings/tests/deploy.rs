//! Deploys the core on a local chain and reads it back through the bindings.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::path::Path;

use alloy::node_bindings::Anvil;
use alloy::providers::{Provider as _, ProviderBuilder};
use oml_contracts::rpc::abi;
use oml_contracts::rpc::deploy::{DeployParams, deploy_core, deploy_token, derive_core};
use oml_contracts::rpc::reverts;
use oml_contracts::rpc::verify::{CodeFinding, verify};
use oml_contracts::terms::{Royalty, SlashTerms, level};
use oml_contracts::{
    Amount, Bps, ChannelId, ContentHash, EthAddress, LicenseId, LicenseRef, ModelId, OfferId, Salt,
    Terms, hash,
};

fn terms(owner: EthAddress) -> Terms {
    let bps = |bps| Bps::new(bps).unwrap();
    Terms {
        model_id: ModelId::new([1; 32]),
        epoch: 3,
        owner,
        currency: EthAddress::ZERO,
        license_fee: Amount::new(1),
        price_per_request: Amount::new(2),
        price_per_thousand_tokens: Amount::new(3),
        owner_share_bps: bps(4),
        collateral: Amount::new(5),
        min_collateral_ratio_bps: 6,
        duration: 7,
        delivery_period: 8,
        trial_period: 4,
        settlement_period: 9,
        thaw_period: 10,
        max_deployments: 11,
        evidence_levels: level::PROOF,
        leak_liability: false,
        seats: 0,
        alpha_inverse: 12,
        slash: SlashTerms {
            equivocation_bps: bps(14),
            under_metering_bps: bps(15),
            out_of_term_bps: bps(16),
            unlicensed_model_bps: bps(17),
            unpaid_use_bps: bps(18),
            reporter_bps: bps(19),
            owner_bps: bps(20),
        },
        royalties: vec![
            Royalty { payee: EthAddress::new([21; 20]), bps: bps(22) },
            Royalty { payee: EthAddress::new([23; 20]), bps: bps(24) },
        ],
    }
}

#[tokio::test]
async fn the_core_deploys_and_agrees_on_ids() {
    let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tooling/bin/anvil");
    let anvil = Anvil::at(binary).arg("--hardfork").arg("prague").spawn();
    let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url());
    let from = EthAddress::from(anvil.addresses()[0]);

    let token = deploy_token(&provider, from, "Test", "TST", 6).await.unwrap();
    let params = DeployParams::local(token, Amount::new(1_000));
    let addresses = deploy_core(&provider, from, &params).await.unwrap();
    assert_eq!(addresses.chain_id, anvil.chain_id());
    assert!(addresses.deployed_at_block >= 2);
    let token = abi::Token::new(token.into(), &provider);
    assert_eq!(token.decimals().call().await.unwrap(), 6);

    let registry = abi::LicenseRegistry::new(addresses.license_registry.into(), &provider);
    let terms = terms(from);
    let sol_terms = abi::Terms::try_from(&terms).unwrap();
    assert_eq!(Terms::try_from(sol_terms.clone()).unwrap(), terms);
    let offer = registry.offerIdOf(sol_terms).call().await.unwrap();
    let chain = addresses.chain_id;
    assert_eq!(OfferId::from(offer), hash::offer_id(chain, addresses.license_registry, &terms));

    let license = LicenseRef { terms, host: EthAddress::new([9; 20]), nonce: 77.into() };
    let sol_license = abi::LicenseRef::try_from(&license).unwrap();
    let id = registry.licenseIdOf(sol_license).call().await.unwrap();
    let license_id = license.license_id(chain, addresses.license_registry);
    assert_eq!(LicenseId::from(id), license_id);

    let escrow = abi::PaymentEscrow::new(addresses.payment_escrow.into(), &provider);
    let (payer, salt) = (EthAddress::new([8; 20]), Salt::new([7; 32]));
    let channel = escrow
        .channelIdOf(license_id.into(), payer.into(), EthAddress::ZERO.into(), salt.into())
        .call()
        .await
        .unwrap();
    let ours = hash::channel_id(
        chain,
        addresses.payment_escrow,
        license_id,
        payer,
        EthAddress::ZERO,
        salt,
    );
    assert_eq!(ChannelId::from(channel), ours);

    let weights = ContentHash::new([5; 32]);
    let metadata = ContentHash::new([6; 32]);
    let register = registry.registerModel(weights.into(), metadata.into(), Vec::new());
    let model = hash::model_id(chain, addresses.license_registry, from, weights, metadata);
    assert_eq!(ModelId::from(register.from(from.into()).call().await.unwrap()), model);

    let refused = registry.deliverKey(abi::LicenseRef::try_from(&license).unwrap(), weights.into());
    let error = refused.from(from.into()).call().await.err().unwrap();
    let text = reverts::of_contract_error(&error).unwrap();
    assert!(text.starts_with("LicenseRegistry_"), "{text}");
    assert!(!provider.get_code_at(addresses.rounds.into()).await.unwrap().is_empty());
}

fn longer_thaw(params: &DeployParams) -> DeployParams {
    let mut longer = params.clone();
    longer.provers.thaw_period += 1;
    longer
}

fn findings(checked: &[oml_contracts::rpc::verify::ContractCheck]) -> Vec<CodeFinding> {
    checked.iter().map(|c| c.finding).collect()
}

/// On a chain without the proxy too, twice, from another account, on another chain: the same
/// addresses.
#[tokio::test]
async fn deployments_depend_on_code_and_parameters_alone() {
    let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tooling/bin/anvil");
    let start = |chain_id: u64, bare: bool| {
        let anvil = Anvil::at(&binary).arg("--hardfork").arg("prague").chain_id(chain_id);
        if bare { anvil.arg("--disable-default-create2-deployer").spawn() } else { anvil.spawn() }
    };
    let (bare, other) = (start(31_337, true), start(4_242, false));
    let provider = ProviderBuilder::new().connect_http(bare.endpoint_url());
    let from = |i: usize| EthAddress::from(bare.addresses()[i]);
    let params = DeployParams::local(EthAddress::ZERO, Amount::new(1_000));

    let first = deploy_core(&provider, from(0), &params).await.unwrap();
    let blocks = provider.get_block_number().await.unwrap();
    assert_eq!(deploy_core(&provider, from(1), &params).await.unwrap(), first);
    assert_eq!(provider.get_block_number().await.unwrap(), blocks, "nothing was sent again");
    let token = deploy_token(&provider, from(0), "Test", "TST", 6).await.unwrap();
    assert_eq!(deploy_token(&provider, from(1), "Test", "TST", 6).await.unwrap(), token);

    let elsewhere = ProviderBuilder::new().connect_http(other.endpoint_url());
    let there = deploy_core(&elsewhere, from(2), &params).await.unwrap();
    let deployed_at_block = there.deployed_at_block;
    assert_eq!(there, oml_contracts::Addresses { chain_id: 4_242, deployed_at_block, ..first });
    let derived = derive_core(4_242, &params).unwrap();
    assert_eq!(there, oml_contracts::Addresses { deployed_at_block, ..derived });
    assert!(
        verify(&elsewhere, &there)
            .await
            .unwrap()
            .iter()
            .all(|c| c.finding == CodeFinding::Verified)
    );

    let longer = longer_thaw(&params);
    let second = deploy_core(&provider, from(0), &longer).await.unwrap();
    assert_eq!(second.beacon, first.beacon, "what stands alone is shared");
    assert_ne!(
        second.license_registry, first.license_registry,
        "a new version stands beside the old"
    );

    let mut refused = params;
    refused.provers.ticket_price = Amount::ZERO;
    let blocks = provider.get_block_number().await.unwrap();
    let error = deploy_core(&provider, from(0), &refused).await.unwrap_err().to_string();
    assert!(error.contains("ProverRegistry_BadConfig"), "{error}");
    assert_eq!(
        provider.get_block_number().await.unwrap(),
        blocks,
        "refused before it costs anything"
    );
}

#[tokio::test]
async fn verification_tells_what_differs() {
    let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tooling/bin/anvil");
    let anvil = Anvil::at(binary).arg("--hardfork").arg("prague").spawn();
    let provider = ProviderBuilder::new().connect_http(anvil.endpoint_url());
    let from = EthAddress::from(anvil.addresses()[0]);
    let params = DeployParams::local(EthAddress::ZERO, Amount::new(1_000));
    let addresses = deploy_core(&provider, from, &params).await.unwrap();
    let checked = verify(&provider, &addresses).await.unwrap();
    assert_eq!(findings(&checked), [CodeFinding::Verified; 8]);
    let names: Vec<_> = checked.iter().skip(2).map(|c| c.contract).collect();
    let parts = ["LicenseRegistry", "CollateralVault", "PaymentEscrow", "ProverRegistry"];
    assert_eq!(names, [&parts[..], &["Proofs", "Rounds"]].concat());

    // A registry of another plan, the same code with other immutables.
    let second = deploy_core(&provider, from, &longer_thaw(&params)).await.unwrap();
    let mixed = oml_contracts::Addresses { license_registry: second.license_registry, ..addresses };
    let checked = verify(&provider, &mixed).await.unwrap();
    assert_eq!(
        (checked[2].contract, checked[2].finding),
        ("LicenseRegistry", CodeFinding::OtherAddress)
    );

    let swapped = oml_contracts::Addresses {
        collateral_vault: addresses.payment_escrow,
        payment_escrow: EthAddress::new([9; 20]),
        ..addresses
    };
    let checked = verify(&provider, &swapped).await.unwrap();
    assert_eq!(checked[3].finding, CodeFinding::OtherCode);
    assert_eq!(checked[4].finding, CodeFinding::Missing);
}
