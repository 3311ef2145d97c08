//! The single calls of a sequence: chosen at random, mostly sensible.

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall, SolValue};
use oml_contracts::eip712::{Domain, Voucher};
use oml_contracts::rpc::abi;
use rand::{Rng, RngCore};

use super::compare::same;
use super::{Call, Difference, World};
use crate::evm::{CHAIN_ID, SetUpError};
use crate::model::{Channel, Model, Row, Status};

impl World {
    pub(super) fn acquire(&mut self) -> Result<(), Difference> {
        let offer = self.offer();
        let host = self.people.hosts[usize::from(self.random.random::<bool>())].address();
        self.acquire_of(offer, host)
    }

    pub(super) fn acquire_of(&mut self, offer: usize, host: Address) -> Result<(), Difference> {
        // Now and then one that was bought before.
        let bought = if self.chance(15) { self.model.licenses.first() } else { None };
        let reference = match bought {
            Some(license) => license.reference.clone(),
            None => {
                let nonce = alloy::primitives::aliases::U96::from(self.random.next_u32());
                abi::LicenseRef { terms: self.terms[offer].clone(), host, nonce }
            }
        };
        let native = reference.terms.currency.is_zero();
        let serving = if self.chance(30) { Address::ZERO } else { self.people.serving.address() };
        let price = reference.terms.licenseFee + reference.terms.collateral;
        let value = self.value(native, price);
        let data = abi::LicenseRegistry::acquireCall {
            terms: reference.terms.clone(),
            nonce: reference.nonce,
            servingKey: serving,
        };
        let call = self.registry_call("acquire", reference.host, value, &data);
        let verdict = self.model.acquire(&reference, serving, value);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn draw_seed(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        self.draw_seed_of(at, &reference)
    }

    pub(super) fn draw_seed_of(
        &mut self,
        at: usize,
        reference: &abi::LicenseRef,
    ) -> Result<(), Difference> {
        let id = self.model.license_id(reference);
        let data = abi::LicenseRegistry::drawLicenseSeedCall { licenseId: id };
        let call = self.registry_call("drawLicenseSeed", self.people.stranger, 0, &data);
        let verdict = self.model.draw_seed(at);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn activate(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        self.activate_of(at, reference)
    }

    pub(super) fn activate_of(
        &mut self,
        at: usize,
        reference: abi::LicenseRef,
    ) -> Result<(), Difference> {
        let by = self.mostly(reference.host);
        let artefact = if self.chance(30) { B256::ZERO } else { B256::repeat_byte(6) };
        let data = abi::LicenseRegistry::activateCall { r#ref: reference, artefactHash: artefact };
        let call = self.registry_call("activate", by, 0, &data);
        let verdict = self.model.activate(at, by, artefact);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn renew(&mut self) -> Result<(), Difference> {
        let (at, reference, native) = self.pick();
        let by = self.mostly(reference.host);
        let value = self.value(native, reference.terms.licenseFee);
        let data = abi::LicenseRegistry::renewCall { r#ref: reference };
        let call = self.registry_call("renew", by, value, &data);
        let verdict = self.model.renew(at, by, value);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn cancel(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        let by = self.mostly(reference.host);
        let data = abi::LicenseRegistry::cancelCall { r#ref: reference };
        let call = self.registry_call("cancel", by, 0, &data);
        let verdict = self.model.cancel(at, by);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn terminate(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        if self.court.is_some() || self.random.random() {
            let by = self.mostly(reference.host);
            // The manager has a function of its own.
            let data = abi::LicenseRegistry::terminateCall { r#ref: reference };
            let call = self.registry_call("terminate", by, 0, &data);
            let verdict = self.model.terminate(at, by);
            return self.hold(&call, verdict).map(drop);
        }
        let by = self.model.manager;
        let id = self.model.license_id(&reference);
        let data = abi::LicenseRegistry::terminateForCall { licenseId: id };
        let call = self.registry_call("terminateFor", by, 0, &data);
        let verdict = self.model.terminate(at, by);
        self.hold(&call, verdict).map(drop)
    }

    /// Place of an offer; those after the first two are rare.
    fn offer(&mut self) -> usize {
        let rare = self.chance(8);
        let from = if rare { 0..self.terms.len() } else { 0..2 };
        self.random.random_range(from)
    }

    /// Withdraws an offer or publishes it anew; the model only keeps whether it is open.
    pub(super) fn toggle_offer(&mut self) -> Result<(), Difference> {
        let terms = self.terms[self.random.random_range(0..self.terms.len())].clone();
        let (owner, offer_id) = (terms.owner, self.model.offer_id(&terms));
        let open = self.model.offers.contains(&offer_id);
        let registry = self.model.registry;
        use alloy::sol_types::SolEvent;
        let (data, event) = if open {
            let event = abi::LicenseRegistry::OfferWithdrawn { offerId: offer_id };
            (
                abi::LicenseRegistry::withdrawOfferCall { terms }.abi_encode(),
                event.encode_log_data(),
            )
        } else {
            let event = abi::LicenseRegistry::OfferPublished {
                offerId: offer_id,
                modelId: terms.modelId,
                owner: terms.owner,
                terms: terms.clone(),
            };
            (abi::LicenseRegistry::publishOfferCall { terms }.abi_encode(), event.encode_log_data())
        };
        if open {
            self.model.offers.remove(&offer_id);
        } else {
            self.model.offers.insert(offer_id);
        }
        let call = Call { name: "offer", from: owner, to: registry, value: 0, data };
        self.hold(&call, Ok(vec![(registry, event)])).map(drop)
    }

    pub(super) fn top_up(&mut self) -> Result<(), Difference> {
        let (at, reference, native) = self.pick();
        let (by, amount) = (self.people.stranger, self.amount());
        let value = self.value(native, amount);
        let data = abi::CollateralVault::topUpCall { r#ref: reference, amount };
        let call = self.vault_call("topUp", by, value, &data);
        let verdict = self.model.top_up(at, by, amount, value);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn leave_vault(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        let by = self.mostly(reference.host);
        if self.random.random() {
            let data = abi::CollateralVault::startThawCall { r#ref: reference };
            let call = self.vault_call("startThaw", by, 0, &data);
            let verdict = self.model.thaw_collateral(at, by);
            return self.hold(&call, verdict).map(drop);
        }
        let data = abi::CollateralVault::withdrawCall { r#ref: reference };
        let call = self.vault_call("withdraw", by, 0, &data);
        let verdict = self.model.withdraw_collateral(at, by);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn freeze(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        // Only the challenge manager freezes, and only licenses that were bought.
        let Some(license) = self.model.licenses.get(at).cloned() else { return Ok(()) };
        let by = self.mostly(self.model.manager);
        let on = self.random.random();
        let call = if on {
            let bought = reference.terms.collateral;
            let data = abi::CollateralVault::freezeCall { licenseId: license.id, bought };
            self.vault_call("freeze", by, 0, &data)
        } else {
            let data = abi::CollateralVault::unfreezeCall { licenseId: license.id };
            self.vault_call("unfreeze", by, 0, &data)
        };
        let verdict = self.model.freeze(at, by, on);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn slash(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        // The challenge manager slashes licenses that were active, no others.
        let liable = self.model.licenses.get(at).map(|license| license.status);
        if !matches!(liable, Some(Status::Active | Status::Terminated)) {
            return Ok(());
        }
        let by = self.mostly(self.model.manager);
        let bps = self.random.random_range(0..11_000_u16);
        let reporter = if self.chance(30) { Address::ZERO } else { Address::repeat_byte(7) };
        let delay = self.random.random_range(0..86_400_u64);
        let data = abi::CollateralVault::slashCall {
            r#ref: reference,
            bps,
            reporter,
            payoutDelay: alloy::primitives::aliases::U40::from(delay),
        };
        let call = self.vault_call("slash", by, 0, &data);
        let verdict = self.model.slash(at, by, bps, reporter, delay);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn pay_out(&mut self) -> Result<(), Difference> {
        let id = self.place(self.model.payouts.len());
        let data = abi::CollateralVault::payOutCall { payoutId: U256::from(id) };
        let call = self.vault_call("payOut", self.people.stranger, 0, &data);
        let verdict = self.model.pay_out(id);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn open_channel(&mut self) -> Result<(), Difference> {
        let (at, ..) = self.pick();
        let payer = self.people.payers[usize::from(self.random.random::<bool>())].address();
        let session = self.people.session.address();
        let signer = if self.random.random() { session } else { Address::ZERO };
        self.open_channel_of(at, payer, signer)
    }

    pub(super) fn open_channel_of(
        &mut self,
        at: usize,
        payer: Address,
        signer: Address,
    ) -> Result<(), Difference> {
        let (reference, native) = self.license_at(at);
        let salt = B256::from(U256::from(self.random.random_range(0..6_u8)));
        let amount = self.amount();
        let value = self.value(native, amount);
        let data = abi::PaymentEscrow::openChannelCall { r#ref: reference, signer, salt, amount };
        let call = self.escrow_call("openChannel", payer, value, &data);
        let verdict = self.model.open_channel(at, payer, (signer, salt), amount, value);
        self.hold(&call, verdict).map(drop)
    }

    /// A channel with its license's reference.
    fn channel(&mut self) -> Option<(usize, Channel, abi::LicenseRef, bool)> {
        if self.model.channels.is_empty() {
            return None;
        }
        let at = self.random.random_range(0..self.model.channels.len());
        let channel = self.model.channels.get(at)?.clone();
        let license = self.model.licenses.get(channel.license)?;
        Some((at, channel, license.reference.clone(), license.native))
    }

    pub(super) fn deposit(&mut self) -> Result<(), Difference> {
        let Some((at, channel, reference, native)) = self.channel() else { return Ok(()) };
        let (by, amount) = (self.people.stranger, self.amount());
        let value = self.value(native, amount);
        let data = abi::PaymentEscrow::depositCall {
            r#ref: reference,
            payer: channel.payer,
            signer: channel.signer,
            salt: channel.salt,
            amount,
        };
        let call = self.escrow_call("deposit", by, value, &data);
        let verdict = self.model.deposit(at, by, amount, value);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn leave_channel(&mut self) -> Result<(), Difference> {
        let Some((at, channel, reference, _)) = self.channel() else { return Ok(()) };
        let (signer, salt) = (channel.signer, channel.salt);
        if self.random.random() {
            let data = abi::PaymentEscrow::startThawCall { r#ref: reference, signer, salt };
            let call = self.escrow_call("startThaw", channel.payer, 0, &data);
            let verdict = self.model.thaw_channel(at);
            return self.hold(&call, verdict).map(drop);
        }
        let data = abi::PaymentEscrow::withdrawCall { r#ref: reference, signer, salt };
        let call = self.escrow_call("withdraw", channel.payer, 0, &data);
        let verdict = self.model.withdraw_channel(at);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn close(&mut self) -> Result<(), Difference> {
        let Some((at, channel, reference, _)) = self.channel() else { return Ok(()) };
        let by = self.mostly(reference.host);
        let last = self.amount() % (1 << 96);
        let signed = self.random.random();
        let host = self.people.hosts.iter().find(|host| host.address() == reference.host).cloned();
        let host_signature = match host {
            Some(host) if signed => sign_close(&self.model, &host, channel.id, last)?,
            _ => Bytes::new(),
        };
        let data = abi::PaymentEscrow::closeCall {
            r#ref: reference,
            payer: channel.payer,
            signer: channel.signer,
            salt: channel.salt,
            finalAmount: last,
            hostSignature: host_signature,
        };
        let call = self.escrow_call("close", by, 0, &data);
        let verdict = self.model.close(at, by, last, signed);
        self.hold(&call, verdict).map(drop)
    }

    /// A row for a claim under a license, good or bad, for the bytecode and for the model.
    fn row(&mut self, license: usize) -> Result<(abi::PaymentEscrow::ClaimRow, Row), Difference> {
        let channel = self.channel();
        let known = channel.filter(|_| !self.chance(15));
        let (payer, signer, salt, claimed) = match known {
            Some((_, c, _, _)) => (c.payer, c.signer, c.salt, c.claimed),
            None => (self.people.stranger, Address::ZERO, B256::repeat_byte(9), 0),
        };
        let license_id = self.model.licenses.get(license).map_or(B256::ZERO, |l| l.id);
        let channel_id = self.model.channel_id(license_id, payer, signer, salt);
        // A channel of another license is no channel of this one, but its people may have one here, too.
        let channel = self.model.channels.iter().position(|known| known.id == channel_id);
        let amount = claimed.saturating_add(self.amount() / 4);
        let requests = self.random.random_range(0..2_000_u64);
        let tokens = self.random.random_range(0..2_000_000_u64);
        let request = B256::from(U256::from(self.random.next_u64()));
        let signed = !self.chance(10);
        let right = if signer.is_zero() { payer } else { signer };
        let by = self.signer(right).filter(|_| signed);
        let by = by.unwrap_or_else(|| self.people.hosts[0].clone());
        // Whose key is not known here can't have signed.
        let signed = by.address() == right;
        let voucher = Voucher {
            channel_id: channel_id.into(),
            cumulative_amount: amount.into(),
            cumulative_requests: requests,
            cumulative_tokens: tokens,
            request_hash: request.into(),
        };
        let digest = B256::from(voucher.digest(&domain(&self.model)));
        let row = abi::PaymentEscrow::ClaimRow {
            payer,
            signer,
            salt,
            cumulativeAmount: amount,
            cumulativeRequests: requests,
            cumulativeTokens: tokens,
            requestHash: request,
            signature: sign(&by, digest)?,
        };
        Ok((row, Row { channel, channel_id, amount, requests, tokens, signed }))
    }

    pub(super) fn claim(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        if at >= self.model.licenses.len() {
            return Ok(());
        }
        let count = self.random.random_range(0..4_usize);
        let (mut rows, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (row, model) = self.row(at)?;
            rows.push(row);
            plain.push(model);
        }
        let data = abi::PaymentEscrow::claimCall { r#ref: reference, rows };
        let call = self.escrow_call("claim", self.people.stranger, 0, &data);
        let verdict = self.model.claim(at, &plain);
        let total = verdict.as_ref().map_or(0, |(_, total)| *total);
        let output = self.hold(&call, verdict.map(|(events, _)| events))?;
        same("total of a claim", U256::from(total), U256::from_be_slice(&output))
    }

    pub(super) fn reserve(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        if at >= self.model.licenses.len() {
            return Ok(());
        }
        let (row, plain) = self.row(at)?;
        let data = abi::PaymentEscrow::reserveCall { r#ref: reference, row };
        let call = self.escrow_call("reserve", self.people.stranger, 0, &data);
        let verdict = self.model.reserve(at, &plain);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn pull_balance(&mut self) -> Result<(), Difference> {
        let native = self.random.random();
        let people = [
            self.people.owner,
            self.people.parent,
            self.people.hosts[0].address(),
            self.people.hosts[1].address(),
        ];
        let by = people[self.random.random_range(0..people.len())];
        let to = if self.chance(20) { Address::ZERO } else { by };
        let currency = if native { Address::ZERO } else { self.model.token };
        let data = abi::PaymentEscrow::withdrawBalanceCall { currency, to };
        let call = self.escrow_call("withdrawBalance", by, 0, &data);
        let verdict = self.model.pull_balance(native, by, to);
        self.hold(&call, verdict).map(drop)
    }

    // ---- Calls

    fn registry_call(
        &self,
        name: &'static str,
        from: Address,
        value: u128,
        data: &impl SolCall,
    ) -> Call {
        Call { name, from, to: self.model.registry, value, data: data.abi_encode() }
    }

    fn vault_call(
        &self,
        name: &'static str,
        from: Address,
        value: u128,
        data: &impl SolCall,
    ) -> Call {
        Call { name, from, to: self.model.vault, value, data: data.abi_encode() }
    }

    fn escrow_call(
        &self,
        name: &'static str,
        from: Address,
        value: u128,
        data: &impl SolCall,
    ) -> Call {
        Call { name, from, to: self.model.escrow, value, data: data.abi_encode() }
    }
}

pub(super) fn domain(model: &Model) -> Domain {
    Domain { chain_id: CHAIN_ID, verifying_contract: model.escrow.into() }
}

pub(super) fn sign(by: &PrivateKeySigner, digest: B256) -> Result<Bytes, SetUpError> {
    let signature = by.sign_hash_sync(&digest).map_err(|e| SetUpError(e.to_string()))?;
    Ok(signature.as_bytes().to_vec().into())
}

/// EIP-712 `Close(bytes32 channelId,uint128 finalAmount)`, spelled out.
fn sign_close(
    model: &Model,
    host: &PrivateKeySigner,
    channel: B256,
    last: u128,
) -> Result<Bytes, SetUpError> {
    use alloy::primitives::keccak256;
    let type_hash = keccak256("Close(bytes32 channelId,uint128 finalAmount)");
    let hash = keccak256((type_hash, channel, U256::from(last)).abi_encode_params());
    let separator = B256::from(domain(model).separator());
    let prefix: &[u8] = &[0x19, 0x01];
    sign(host, keccak256([prefix, separator.as_slice(), hash.as_slice()].concat()))
}
