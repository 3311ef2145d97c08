//! Calls of the escrow: channels, claims, reservations.

use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolEvent;
use oml_contracts::rpc::abi::LicenseRef;
use oml_contracts::rpc::abi::PaymentEscrow::{self, ClaimError, ClaimRow};
use rand::{Rng, RngCore};

use super::compare::same;
use super::counts::Reached;
use super::difference::Difference;
use super::signing::close_digest;
use super::world::{Call, World};
use crate::agreed::Coin;
use crate::model::{Channel, CloseWord, Events, JudgedRow, NamedChannel};

impl World {
    pub(super) fn open_channel(&mut self) -> Result<(), Difference> {
        let (at, ..) = self.pick();
        let payer = self.people.payers[self.random.random_range(0..self.people.payers.len())];
        let signer = match self.random.random_range(0..4_u32) {
            0 => self.people.session,
            1 => self.any_wallet(),
            _ => Address::ZERO,
        };
        self.open_channel_of(at, payer, signer)
    }

    /// A contract that may or may not agree to what is signed.
    pub(super) fn any_wallet(&mut self) -> Address {
        self.people.wallets[self.random.random_range(0..self.people.wallets.len())]
    }

    pub(super) fn open_channel_of(
        &mut self,
        at: usize,
        payer: Address,
        signer: Address,
    ) -> Result<(), Difference> {
        let (license, coin) = self.license_at(at);
        let salt = B256::from(U256::from(self.random.random_range(0..6_u8)));
        let amount = self.amount();
        let value = self.value(coin, amount);
        let r#ref = license.clone();
        let data = PaymentEscrow::openChannelCall { r#ref, signer, salt, amount };
        let call = Call::new(self.model.escrow, "openChannel", payer, value, &data);
        let given = NamedChannel { license, payer, signer, salt };
        let verdict = self.model.open_channel(&given, amount, value);
        self.hold(&call, verdict).map(drop)
    }

    /// A channel that was opened.
    fn channel(&mut self) -> Option<Channel> {
        let all = &self.model.channels;
        if all.is_empty() {
            None
        } else {
            Some(all[self.random.random_range(0..all.len())].clone())
        }
    }

    /// Names a channel that was opened, now and then one that was not.
    fn channel_ref(&mut self) -> Option<(NamedChannel, Coin)> {
        let channel = self.channel()?;
        let (license, coin) = self.license_at(channel.license);
        let Channel { payer, signer, salt, .. } = channel;
        let salt = if self.chance(40) { B256::repeat_byte(9) } else { salt };
        Some((NamedChannel { license, payer, signer, salt }, coin))
    }

    pub(super) fn deposit(&mut self) -> Result<(), Difference> {
        let Some((given, coin)) = self.channel_ref() else { return Ok(()) };
        let (by, amount) = (self.people.stranger, self.amount());
        let value = self.value(coin, amount);
        let NamedChannel { license: r#ref, payer, signer, salt } = given.clone();
        let data = PaymentEscrow::depositCall { r#ref, payer, signer, salt, amount };
        let call = Call::new(self.model.escrow, "deposit", by, value, &data);
        let verdict = self.model.deposit(&given, by, amount, value);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn leave_channel(&mut self) -> Result<(), Difference> {
        let Some((given, _)) = self.channel_ref() else { return Ok(()) };
        let NamedChannel { license: r#ref, payer, signer, salt } = given.clone();
        if self.random.random() {
            let data = PaymentEscrow::startThawCall { r#ref, signer, salt };
            let call = Call::new(self.model.escrow, "startThaw (channel)", payer, 0, &data);
            let verdict = self.model.thaw_channel(&given);
            return self.hold(&call, verdict).map(drop);
        }
        let data = PaymentEscrow::withdrawCall { r#ref, signer, salt };
        let call = Call::new(self.model.escrow, "withdraw (channel)", payer, 0, &data);
        let verdict = self.model.withdraw_channel(&given);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn close(&mut self) -> Result<(), Difference> {
        let Some((given, _)) = self.channel_ref() else { return Ok(()) };
        let NamedChannel { license: r#ref, payer, signer, salt } = given.clone();
        let host = r#ref.host;
        let by = if self.random.random() { self.people.stranger } else { host };
        let last = self.amount() % (1 << 96);
        let license = self.model.license_id(&r#ref);
        let id = self.model.channel_id(license, payer, signer, salt);
        let known = self.model.channels.iter().find(|channel| channel.id == id);
        let deposited = known.map_or(0, |channel| channel.deposited);
        // Mostly what is there; else less, as a signature of earlier days, or more.
        let seen = match self.random.random_range(0..6_u32) {
            0 => deposited + 1,
            1 => deposited / 2,
            _ => deposited,
        };
        let word = CloseWord { deposited: seen, last };
        let digest = close_digest(&self.model, id, &word);
        let good = self.random.random();
        let (bytes, signature) = self.signature(host, digest, good)?;
        let data = PaymentEscrow::closeCall {
            r#ref,
            payer,
            signer,
            salt,
            deposited: seen,
            finalAmount: last,
            hostSignature: bytes,
        };
        let call = Call::new(self.model.escrow, "close", by, 0, &data);
        let verdict = self.model.close(&given, by, &word, &signature);
        self.hold(&call, verdict).map(drop)
    }

    /// A row for a claim under a license, good or bad, for the bytecode and for the model.
    fn row(&mut self, license: B256) -> Result<(ClaimRow, JudgedRow), Difference> {
        let of = self.model.licenses.iter().position(|known| known.id == license);
        let own = self.model.channels.iter().filter(|channel| Some(channel.license) == of);
        let own: Vec<Channel> = own.cloned().collect();
        let channel = if own.is_empty() || self.chance(6) {
            self.channel()
        } else {
            Some(own[self.random.random_range(0..own.len())].clone())
        };
        let known = channel.filter(|_| !self.chance(15));
        let channel_reserved = known.as_ref().map(|c| c.reserved).filter(|reserved| *reserved != 0);
        let (payer, signer, salt, claimed) = match known {
            Some(c) => (c.payer, c.signer, c.salt, c.claimed),
            None => (self.people.stranger, Address::ZERO, B256::repeat_byte(9), 0),
        };
        let channel_id = self.model.channel_id(license, payer, signer, salt);
        // A channel of another license is no channel of this one, but its people may have one here,
        // too.
        let channel = self.model.channels.iter().position(|known| known.id == channel_id);
        let reserved = channel_reserved.filter(|_| self.chance(3));
        let amount = reserved.unwrap_or_else(|| claimed.saturating_add(self.amount() / 4));
        let requests = self.random.random_range(0..2_000_u64);
        let tokens = self.random.random_range(0..2_000_000_u64);
        let request = B256::from(U256::from(self.random.next_u64()));
        let good = !self.chance(10);
        let right = if signer.is_zero() { payer } else { signer };
        let digest = self.voucher_digest(channel_id, amount, requests, tokens, request);
        let (bytes, signature) = self.signature(right, digest, good)?;
        let row = ClaimRow {
            payer,
            signer,
            salt,
            cumulativeAmount: amount,
            cumulativeRequests: requests,
            cumulativeTokens: tokens,
            requestHash: request,
            signature: bytes,
        };
        Ok((row, JudgedRow { channel, channel_id, amount, requests, tokens, signature }))
    }

    /// Mostly a license with a channel.
    fn paid_license(&mut self) -> LicenseRef {
        let channel = self.channel().filter(|_| !self.chance(8));
        match channel {
            Some(channel) => self.license_at(channel.license).0,
            None => self.pick().1,
        }
    }

    pub(super) fn claim(&mut self) -> Result<(), Difference> {
        let reference = self.paid_license();
        let license = self.model.license_id(&reference);
        let count = self.random.random_range(0..4_usize);
        let (mut rows, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (row, model) = self.row(license)?;
            rows.push(row);
            plain.push(model);
        }
        let data = PaymentEscrow::claimCall { r#ref: reference.clone(), rows };
        let call = Call::new(self.model.escrow, "claim", self.people.stranger, 0, &data);
        let (events, total) = self.model.claim(&reference, &plain);
        let output = self.hold(&call, Ok(events.clone()))?;
        self.count_codes(&plain, &events);
        same("total of a claim", U256::from(total), U256::from_be_slice(&output))
    }

    /// Counts what accounts with code decided: their rows were good but for the signature.
    fn count_codes(&mut self, rows: &[JudgedRow], events: &Events) {
        for (row, (_, event)) in rows.iter().zip(events) {
            let Some(channel) = row.channel.map(|at| &self.model.channels[at]) else { continue };
            let right = if channel.signer.is_zero() { channel.payer } else { channel.signer };
            let Some(code) = self.model.codes.get(&right) else { continue };
            let taken =
                event.topics().first() == Some(&PaymentEscrow::VoucherClaimed::SIGNATURE_HASH);
            let by_code = row.signature.key != right;
            let refused = event.data.last() == Some(&(ClaimError::BadSignature as u8));
            // What is reserved needs no agreement.
            let agreed = taken && row.amount > channel.reserved;
            if by_code && (agreed || refused) {
                self.counts.reach(Reached::Signed(*code, taken));
            }
        }
    }

    pub(super) fn reserve(&mut self) -> Result<(), Difference> {
        let reference = self.paid_license();
        let license = self.model.license_id(&reference);
        let (row, plain) = self.row(license)?;
        let data = PaymentEscrow::reserveCall { r#ref: reference.clone(), row };
        let call = Call::new(self.model.escrow, "reserve", self.people.stranger, 0, &data);
        let verdict = self.model.reserve(&reference, &plain);
        self.hold(&call, verdict).map(drop)
    }
}
