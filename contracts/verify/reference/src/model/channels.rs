//! Channels, claims and balances: the escrow's rules.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::rpc::abi;
use oml_contracts::rpc::abi::PaymentEscrow::{self as Escrow, ClaimError};

use super::faults::Faults;
use super::refusal::{Caused, Events, Refused};
use super::state::{Channel, JudgedRow, License, NamedChannel, ReferenceModel, SignatureFacts};
use super::units::{BPS, MAX_96, share, time40};
use crate::agreed::{CHAIN_ID, Coin};

impl ReferenceModel {
    /// Channel id by its formula.
    #[must_use]
    pub(crate) fn channel_id(
        &self,
        license: B256,
        payer: Address,
        signer: Address,
        salt: B256,
    ) -> B256 {
        let chain = U256::from(CHAIN_ID);
        keccak256((chain, self.escrow, license, payer, signer, salt).abi_encode_params())
    }

    /// Id and place of a channel; no place if it was never opened.
    fn find_channel(&self, given: &NamedChannel, faults: &mut Faults) -> (B256, Option<usize>) {
        let license = self.license_id(&given.license);
        let id = self.channel_id(license, given.payer, given.signer, given.salt);
        let at = self.channels.iter().position(|channel| channel.id == id);
        faults.unless(at.is_some(), Escrow::PaymentEscrow_UnknownChannel { channelId: id });
        (id, at)
    }

    /// `openChannel` by the payer.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn open_channel(
        &mut self,
        given: &NamedChannel,
        amount: u128,
        value: u128,
    ) -> Caused {
        let (license_id, at) = self.find(&given.license);
        let NamedChannel { payer, signer, salt, .. } = *given;
        let id = self.channel_id(license_id, payer, signer, salt);
        let mut faults = Faults::default();
        let running = at.is_some_and(|at| self.runs(&self.licenses[at]));
        faults.unless(running, Escrow::PaymentEscrow_LicenseNotActive { licenseId: license_id });
        faults.amount(0, amount);
        let known = self.channels.iter().any(|channel| channel.id == id);
        faults.unless(!known, Escrow::PaymentEscrow_ChannelExists { channelId: id });
        faults.payment(self, Coin::of(given.license.terms.currency), payer, amount, value);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            let license = m.license(at)?;
            m.pull(license.coin, payer, m.escrow, amount, value)?;
            m.channels.push(Channel {
                license: at,
                id,
                payer,
                signer,
                salt,
                deposited: amount,
                claimed: 0,
                reserved: 0,
                thaw_end: 0,
                closed: false,
            });
            let deposit = Escrow::ChannelDeposited { channelId: id, amount, deposited: amount };
            Ok(vec![
                m.escrow_event(&abi::PaymentEscrow::ChannelOpened {
                    channelId: id,
                    licenseId: license.id,
                    payer,
                    signer,
                    salt,
                    currency: m.currency(license.coin),
                    thawPeriod: license.reference.terms.thawPeriod,
                }),
                m.escrow_event(&deposit),
            ])
        })
    }

    /// `deposit`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn deposit(
        &mut self,
        given: &NamedChannel,
        by: Address,
        amount: u128,
        value: u128,
    ) -> Caused {
        let mut faults = Faults::default();
        let (id, at) = self.find_channel(given, &mut faults);
        faults.open(self, id, at);
        let before = at.map_or(0, |at| self.channels[at].deposited);
        faults.amount(before, amount);
        let coin = Coin::of(given.license.terms.currency);
        faults.payment(self, coin, by, amount, value);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            m.pull(coin, by, m.escrow, amount, value)?;
            let deposited = before + amount;
            m.channels[at].deposited = deposited;
            Ok(vec![m.escrow_event(&Escrow::ChannelDeposited { channelId: id, amount, deposited })])
        })
    }

    /// The escrow's `startThaw` by the payer.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn thaw_channel(&mut self, given: &NamedChannel) -> Caused {
        let mut faults = Faults::default();
        let (id, at) = self.find_channel(given, &mut faults);
        let before = at.map_or(0, |at| self.channels[at].thaw_end);
        let thaw_end = time40(before);
        let again = Escrow::PaymentEscrow_AlreadyThawing { channelId: id, thawEnd: thaw_end };
        faults.unless(before == 0, again);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        let thaw_end = self.time + given.license.terms.thawPeriod.to::<u64>();
        self.channels[at].thaw_end = thaw_end;
        let thaw_end = time40(thaw_end);
        Ok(vec![self.escrow_event(&Escrow::ChannelThawing { channelId: id, thawEnd: thaw_end })])
    }

    /// The escrow's `withdraw` by the payer.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn withdraw_channel(&mut self, given: &NamedChannel) -> Caused {
        let mut faults = Faults::default();
        let (id, at) = self.find_channel(given, &mut faults);
        let thaw_end = at.map_or(0, |at| self.channels[at].thaw_end);
        let thawed = thaw_end != 0 && self.time >= thaw_end;
        let early = Escrow::PaymentEscrow_NotThawed { channelId: id, thawEnd: time40(thaw_end) };
        faults.unless(thawed, early);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            let payer = given.payer;
            let channel = &m.channels[at];
            let amount = channel.deposited - channel.claimed.max(channel.reserved);
            m.channels[at].thaw_end = 0;
            m.pay_back(at, amount, given)?;
            let event = Escrow::ChannelWithdrawn { channelId: id, payer, amount };
            Ok(vec![m.escrow_event(&event)])
        })
    }

    /// Pays a part of the deposit back and closes the channel.
    fn pay_back(&mut self, at: usize, amount: u128, given: &NamedChannel) -> Result<(), Refused> {
        let channel = &mut self.channels[at];
        channel.deposited -= amount;
        channel.closed = true;
        let coin = Coin::of(given.license.terms.currency);
        self.pay(coin, self.escrow, given.payer, amount)
    }

    /// `close` by the host's call, or with its signature.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn close(
        &mut self,
        given: &NamedChannel,
        by: Address,
        word: &CloseWord,
        signature: &SignatureFacts,
    ) -> Caused {
        let host = given.license.host;
        let CloseWord { deposited: seen, last } = *word;
        let mut faults = Faults::default();
        let (id, at) = self.find_channel(given, &mut faults);
        faults.open(self, id, at);
        let willing = by == host || self.is_signed(host, signature);
        faults.unless(willing, Escrow::PaymentEscrow_NotByHost { host, caller: by });
        let channel = at.map(|at| &self.channels[at]);
        let deposited = channel.map_or(0, |channel| channel.deposited);
        let wrong = Escrow::PaymentEscrow_WrongDeposit { channelId: id, named: seen, deposited };
        faults.unless(seen <= deposited, wrong);
        let declared = channel.map_or(0, |channel| channel.claimed.max(channel.reserved));
        let kept = declared.max(last);
        faults.unless(kept < seen, Escrow::PaymentEscrow_NothingToClose { channelId: id });
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            m.pay_back(at, seen - kept, given)?;
            Ok(vec![m.escrow_event(&Escrow::ChannelClosed {
                channelId: id,
                finalAmount: kept,
                toPayer: seen - kept,
            })])
        })
    }

    /// All reasons not to take a row, in the order in which a claim names them: what is cheap to
    /// look at first.
    fn row_faults(&self, terms: &abi::Terms, row: &JudgedRow, limit: u128) -> Vec<ClaimError> {
        let Some(channel) = row.channel.and_then(|at| self.channels.get(at)) else {
            return vec![ClaimError::UnknownChannel];
        };
        let price = U256::from(row.requests) * U256::from(terms.pricePerRequest)
            + U256::from(row.tokens) * U256::from(terms.pricePerThousandTokens) / U256::from(1000);
        let signer = if channel.signer.is_zero() { channel.payer } else { channel.signer };
        let added = row.amount.saturating_sub(channel.claimed);
        // What is reserved needs no signature: whole, or all that there is room for.
        let is_secured =
            row.amount == channel.reserved || (row.amount < channel.reserved && added == limit);
        let broken = [
            (row.amount <= channel.claimed, ClaimError::NotIncreasing),
            (U256::from(row.amount) < price, ClaimError::BelowPrice),
            (row.amount > channel.deposited, ClaimError::ExceedsDeposit),
            (added > limit, ClaimError::ExceedsCollateralRatio),
            (!is_secured && !self.is_signed(signer, &row.signature), ClaimError::BadSignature),
        ];
        broken.into_iter().filter(|(broken, _)| *broken).map(|(_, reason)| reason).collect()
    }

    /// `claim`. Of a license that was never bought there are no channels, so no row is taken.
    pub(crate) fn claim(
        &mut self,
        reference: &abi::LicenseRef,
        rows: &[JudgedRow],
    ) -> (Events, u128) {
        let terms = &reference.terms;
        let at = self.find(reference).1;
        let license = at.map(|at| self.licenses[at].clone());
        let limit = license.as_ref().map_or(0, |license| self.room(license));
        let (mut events, mut total) = (Events::new(), 0);
        for row in rows {
            let channel_id = row.channel_id;
            let faults = self.row_faults(terms, row, limit - total);
            if let (None, Some(channel)) = (faults.first(), row.channel) {
                let amount = row.amount - self.channels[channel].claimed;
                self.channels[channel].claimed = row.amount;
                total += amount;
                events.push(self.escrow_event(&Escrow::VoucherClaimed {
                    channelId: channel_id,
                    amount,
                    cumulativeAmount: row.amount,
                }));
            } else {
                let reason = faults.first().copied().unwrap_or(ClaimError::UnknownChannel);
                let event = Escrow::VoucherRejected { channelId: channel_id, reason };
                events.push(self.escrow_event(&event));
            }
        }
        if let (Some(at), Some(license)) = (at, license.filter(|_| total != 0)) {
            let before: u128 = license.claims.iter().map(|(_, amount)| amount).sum();
            let of = |sum| share(sum, terms.ownerShareBps);
            let for_owner = of(before + total) - of(before);
            let time = self.time;
            self.licenses[at].claims.push((time, total));
            *self.balances.entry((license.coin, reference.host)).or_default() += total - for_owner;
            let (to_owner, to_parents) = self.credit_owner(&license, for_owner);
            events.push(self.escrow_event(&Escrow::ClaimSplit {
                licenseId: license.id,
                total,
                toHost: total - for_owner,
                toOwner: to_owner,
                toParents: to_parents,
            }));
        }
        (events, total)
    }

    /// What a claim may take now: what the collateral covers, less what was claimed in this
    /// settlement period and the one before; everything once the license has ended one ago.
    fn room(&self, license: &License) -> u128 {
        let terms = &license.reference.terms;
        let period = terms.settlementPeriod.to::<u64>();
        if self.time > license.deadline + period {
            return u128::MAX;
        }
        let covered = license.collateral * BPS / u128::from(terms.minCollateralRatioBps);
        let since = (self.time / period).saturating_sub(1) * period;
        let lately = license.claims.iter().filter(|(time, _)| *time >= since);
        covered.min(MAX_96).saturating_sub(lately.map(|(_, amount)| amount).sum())
    }

    /// `reserve`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn reserve(&mut self, reference: &abi::LicenseRef, row: &JudgedRow) -> Caused {
        let channel_id = row.channel_id;
        let mut faults = Faults::default();
        for reason in self.row_faults(&reference.terms, row, u128::MAX) {
            let error = Escrow::PaymentEscrow_Rejected { channelId: channel_id, reason };
            faults.unless(false, error);
        }
        let secured = row.channel.map_or(0, |at| self.channels[at].reserved);
        let lower = Escrow::PaymentEscrow_NotIncreasing { channelId: channel_id, secured };
        faults.unless(row.amount > secured, lower);
        faults.none()?;
        let channel = row.channel.ok_or(Refused::ANY)?;
        self.channels[channel].reserved = row.amount;
        Ok(vec![self.escrow_event(&Escrow::VoucherReserved {
            channelId: channel_id,
            cumulativeAmount: row.amount,
        })])
    }

    /// `withdrawBalance`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn pull_balance(&mut self, coin: Coin, by: Address, to: Address) -> Caused {
        let currency = self.currency(coin);
        let amount = self.balances.get(&(coin, by)).copied().unwrap_or_default();
        let mut faults = Faults::default();
        let nobody = [Address::ZERO, self.escrow, self.vault].contains(&to);
        faults.unless(!nobody, Escrow::PaymentEscrow_BadRecipient { to });
        faults.unless(amount != 0, Escrow::PaymentEscrow_NoBalance { currency, account: by });
        faults.none()?;
        self.atomically(|m| {
            m.balances.remove(&(coin, by));
            m.pay(coin, m.escrow, to, amount)?;
            let amount = U256::from(amount);
            let event = Escrow::BalanceWithdrawn { currency, account: by, to, amount };
            Ok(vec![m.escrow_event(&event)])
        })
    }
}

/// What a host says when it closes a channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CloseWord {
    /// The deposit that it has seen.
    pub(crate) deposited: u128,
    /// What of that it may still come to.
    pub(crate) last: u128,
}

impl Faults {
    /// A known channel takes deposits and closes only while it is open.
    fn open(&mut self, model: &ReferenceModel, id: B256, at: Option<usize>) {
        let closed = at.is_some_and(|at| model.channels[at].closed);
        self.unless(!closed, Escrow::PaymentEscrow_ChannelClosed { channelId: id });
    }

    /// Something is added to a channel, whose amounts have 96 bits.
    fn amount(&mut self, before: u128, amount: u128) {
        self.unless(amount != 0, Escrow::PaymentEscrow_NoAmount {});
        let sum = U256::from(before) + U256::from(amount);
        self.unless(sum <= U256::from(MAX_96), Escrow::PaymentEscrow_TooLarge { amount: sum });
    }
}
