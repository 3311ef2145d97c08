//! Reads from the chain what an account has in it.

use super::channel::ChannelView;
use super::license::LicenseView;
use super::seats::{HeldSeats, RoundView};
use super::{AccountAgenda, AgendaStep, channel as channels, license as licenses, seats, sort};
use crate::chain::Chain;
use crate::error::Result;
use crate::files::{ChannelFile, LicenseFile};
use crate::registry::{self, OfferFilter};
use crate::round::{self, RoundFilter, RoundState, RoundSummary};
use crate::{balance, bought, channel, license, prover, recover};
use alloy::primitives::B256;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::{LicenseRegistry, PaymentEscrow};
use oml_contracts::{EthAddress, LicenseId, OfferId};

/// All that is due for `account`, in everything that the chain shows it to be.
///
/// # Errors
/// Network failure, or an endpoint that lacks events.
pub async fn of_account(chain: &Chain, account: EthAddress) -> Result<AccountAgenda> {
    let now = chain.rpc().now().await?;
    let reader = Reader { chain, account, now };
    let mut steps = reader.as_host().await?;
    steps.extend(reader.as_owner().await?);
    steps.extend(reader.as_payer().await?);
    steps.extend(reader.in_rounds().await?);
    steps.extend(reader.as_prover().await?);
    steps.extend(reader.as_payee().await?);
    sort(&mut steps);
    Ok(AccountAgenda { account, now, steps })
}

struct Reader<'a> {
    chain: &'a Chain,
    account: EthAddress,
    now: u64,
}

impl Reader<'_> {
    /// Licenses that it bought, and channels that pay them.
    async fn as_host(&self) -> Result<Vec<AgendaStep>> {
        let mut steps = Vec::new();
        for bought in recover::licenses(self.chain, self.account).await? {
            let file = license::of_id(self.chain, bought.license_id).await?;
            let view = self.license(&file).await?;
            steps.extend(licenses::of_host(&view, self.now));
            for channel in self.channels_to(&file).await? {
                steps.extend(channels::of_host(&channel, self.now));
            }
        }
        Ok(steps)
    }

    /// Licenses under its offers.
    async fn as_owner(&self) -> Result<Vec<AgendaStep>> {
        let wanted = OfferFilter { owner: Some(self.account), closed: true, model: None };
        let mut steps = Vec::new();
        for offer in registry::offers(self.chain, wanted).await? {
            for file in self.licenses_under(offer.offer_id).await? {
                steps.extend(licenses::of_owner(&self.license(&file).await?, self.now));
            }
        }
        Ok(steps)
    }

    /// Channels that it opened.
    async fn as_payer(&self) -> Result<Vec<AgendaStep>> {
        let mut steps = Vec::new();
        for opened in recover::channels(self.chain, self.account).await? {
            let file = recover::channel(self.chain, opened.channel_id).await?;
            let view = self.channel(&file).await?;
            steps.extend(channels::of_payer(&view, self.now));
        }
        Ok(steps)
    }

    /// Rounds that it paid for, and those in which it holds seats.
    async fn in_rounds(&self) -> Result<Vec<AgendaStep>> {
        let settings = round::config(self.chain).await?;
        let mut steps = Vec::new();
        for summary in round::list(self.chain, RoundFilter::default()).await? {
            if summary.state.has_ended() {
                continue;
            }
            if summary.payer == self.account {
                let view = RoundView {
                    id: summary.round_id.to_string(),
                    state: summary.state,
                    until: summary.next.until,
                    fees: settings.fees(summary.seats),
                };
                steps.extend(seats::of_reporter(&view));
            }
            if summary.state == RoundState::Answering {
                let held = self.held_seats(&summary).await?;
                steps.extend(held.and_then(|held| seats::of_seats(&held, self.now)));
            }
        }
        Ok(steps)
    }

    /// Its seats in a round that have sent nothing.
    async fn held_seats(&self, summary: &RoundSummary) -> Result<Option<HeldSeats>> {
        let round = round::standing(self.chain, summary.round_id).await?;
        let is_open =
            |seat: &&round::SeatStanding| seat.holder == Some(self.account) && seat.sheet.is_none();
        let count = round.seats.iter().filter(is_open).count();
        if count == 0 {
            return Ok(None);
        }
        let fees = round::config(self.chain).await?.fees(u8::try_from(count).unwrap_or(u8::MAX));
        let (round, answer_until) = (round.round_id.to_string(), round.answer_until);
        Ok(Some(HeldSeats { round, answer_until, fees }))
    }

    /// Its tickets and stake.
    async fn as_prover(&self) -> Result<Vec<AgendaStep>> {
        let provers = prover::list(self.chain).await?;
        let own = provers.iter().filter(|standing| standing.prover == self.account);
        Ok(own.flat_map(|standing| seats::of_tickets(standing, self.now)).collect())
    }

    /// What the contracts owe it.
    async fn as_payee(&self) -> Result<Vec<AgendaStep>> {
        let mut steps = Vec::new();
        for currency in balance::currencies(self.chain).await? {
            let owed = balance::owed(self.chain, currency, self.account).await?;
            let unlock = balance::next_unlock(self.chain, currency, self.account, self.now).await?;
            steps.extend(seats::of_balance(&owed, unlock));
        }
        Ok(steps)
    }

    async fn license(&self, file: &LicenseFile) -> Result<LicenseView> {
        let standing = license::standing(self.chain, file).await?;
        let currency = self.chain.currency(file.terms.currency).await?;
        Ok(LicenseView {
            id: standing.license_id.to_string(),
            status: standing.status,
            deadline: standing.deadline,
            trial_end: standing.trial_end,
            fee_due: standing.fee_due,
            has_words: !standing.cases_root.is_zero(),
            fee: currency.of(file.terms.license_fee),
            collateral: standing.collateral,
            thaw_end: standing.collateral_thaw_end,
        })
    }

    async fn channel(&self, file: &ChannelFile) -> Result<ChannelView> {
        let standing = channel::standing(self.chain, file).await?;
        let kept = license::kept(self.chain, file.license.license_id).await?;
        let left = standing.deposited.units().saturating_sub(standing.declared.units());
        Ok(ChannelView {
            id: standing.channel_id.to_string(),
            license: file.license.license_id.to_string(),
            is_open: standing.is_open,
            left: standing.deposited.with_units(left),
            thaw_end: standing.thaw_end,
            license_is_over: !kept.is_active() || self.now > kept.deadline,
        })
    }

    async fn channels_to(&self, license: &LicenseFile) -> Result<Vec<ChannelView>> {
        let escrow = Filter::new().address(self.chain.escrow());
        let filter = escrow.topic2(B256::from(license.license_id));
        let what = PaymentEscrow::ChannelOpened::SIGNATURE;
        let mut found = Vec::new();
        let opened = self.chain.events::<PaymentEscrow::ChannelOpened>(what, filter).await?;
        for (event, _) in opened {
            let file = ChannelFile {
                channel_id: event.channelId.into(),
                payer: event.payer.into(),
                signer: event.signer.into(),
                salt: event.salt.into(),
                license: license.clone(),
                opening: None,
            };
            found.push(self.channel(&file).await?);
        }
        Ok(found)
    }

    async fn licenses_under(&self, offer: OfferId) -> Result<Vec<LicenseFile>> {
        let registry = Filter::new().address(self.chain.registry());
        let filter = registry.topic2(B256::from(offer));
        let what = LicenseRegistry::LicenseAcquired::SIGNATURE;
        let mut found = Vec::new();
        let bought = self.chain.events::<LicenseRegistry::LicenseAcquired>(what, filter).await?;
        for (event, _) in bought {
            found.push(bought::require(self.chain, LicenseId::from(event.licenseId)).await?);
        }
        Ok(found)
    }
}
