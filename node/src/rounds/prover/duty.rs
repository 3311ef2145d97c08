//! What a prover's node does after every head.

use alloy::primitives::Address;
use oml_contracts::EthAddress;
use oml_contracts::round::SeatIndex;
use oml_contracts::rpc::abi::ProverRegistry::stayAliveCall;
use oml_contracts::rpc::abi::Rounds::{answerCall, collectCall};

use super::ask::AskOrder;
use crate::chain::{
    ChainClient, ChainError, Head, Intent, RoundRules, Sender, SubmitError, submit_once,
};
use crate::clock::unix_now;
use crate::rounds::file::RoundFile;
use crate::rounds::machine::{
    FeeAction, Phase, SeatAction, fee_action, must_show_life, seat_action,
};
use crate::rounds::submitted::report;
use crate::store::{SheetRow, Store, StoreError};

/// Why a seat could not act now. The next head tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeatError {
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The transaction could not be submitted.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

/// Acts on the seats of one account.
#[derive(Debug)]
pub struct ProverDuty {
    chain: ChainClient,
    store: Store,
    sender: Sender,
    rules: RoundRules,
    /// Longest pause before a seat asks, in seconds; half of what is left if none is given.
    spread: Option<u64>,
}

impl ProverDuty {
    /// Prepares; starts nothing.
    #[must_use]
    pub const fn new(
        chain: ChainClient,
        store: Store,
        sender: Sender,
        rules: RoundRules,
        spread: Option<u64>,
    ) -> Self {
        Self { chain, store, sender, rules, spread }
    }

    /// Whose seats they are.
    pub(crate) fn account(&self) -> EthAddress {
        self.sender.address()
    }

    /// Does what is due on our seats of a round whose answers are taken.
    ///
    /// # Errors
    /// [`SeatError`].
    pub(crate) async fn sit(
        &self,
        file: &RoundFile,
        phase: Phase,
        head: &Head,
    ) -> Result<(), SeatError> {
        let Some(seed) = file.seed else { return Ok(()) };
        let reader = self.chain.reader().at(head.hash);
        for (seat, holder) in file.holders(&reader).await? {
            if holder != self.account() {
                continue;
            }
            let sheet = self.store.sheet(file.id(), seat, seed).await?;
            let handed = self.store.hand_out(file.id(), seat, seed).await?.is_some();
            let on_chain = reader.sheet_hash(file.id(), seat).await?;
            match seat_action(phase, handed, sheet.as_ref(), on_chain) {
                Some(SeatAction::Ask) => self.order(file, seat, head).await?,
                Some(SeatAction::Answer) => {
                    if let Some(sheet) = sheet {
                        self.answer(file, &sheet).await?;
                    }
                }
                None => {}
            }
        }
        Ok(())
    }

    async fn order(&self, file: &RoundFile, seat: SeatIndex, head: &Head) -> Result<(), SeatError> {
        let Some(seed) = file.seed else { return Ok(()) };
        let order = AskOrder {
            round: file.id(),
            seat,
            seed,
            prover: self.account(),
            answer_until: file.row.answer_until,
            window: self.rules.answer_window,
        };
        let left = file.row.answer_until.saturating_sub(head.timestamp);
        let longest = self.spread.unwrap_or(left / 2).min(left / 2);
        let pause = if longest == 0 { 0 } else { rand::random_range(0..=longest) };
        if self.store.enqueue(&order.job(unix_now() + pause)).await? {
            tracing::info!(round = %file.id(), %seat, pause, "asking the deployment");
        }
        Ok(())
    }

    async fn answer(&self, file: &RoundFile, sheet: &SheetRow) -> Result<(), SeatError> {
        let call = answerCall {
            roundId: sheet.round_id.into(),
            seat: sheet.seat.0,
            keysHash: sheet.keys.into(),
            tags: sheet.tags.word().into(),
        };
        let key = format!("round/{}/seat/{}/answer/{}", file.id(), sheet.seat, sheet.seed);
        let what = format!("answer of seat {} of round {}", sheet.seat, file.id());
        self.submit(&key, Some(file.row.answer_until), &call, &what).await
    }

    /// Collects what ended rounds owe, and forgets what they do not.
    ///
    /// # Errors
    /// [`SeatError`] if the list of sheets can't be read; failures of one sheet are logged.
    pub(crate) async fn collect(&self, head: &Head) -> Result<(), SeatError> {
        for sheet in self.store.unsettled_sheets().await? {
            if sheet.prover != self.account() {
                continue;
            }
            if let Err(error) = self.collect_one(&sheet, head).await {
                tracing::warn!(round = %sheet.round_id, seat = %sheet.seat, %error, "no fee for now");
            }
        }
        Ok(())
    }

    async fn collect_one(&self, sheet: &SheetRow, head: &Head) -> Result<(), SeatError> {
        let Some(row) = self.store.round(sheet.round_id).await? else { return Ok(()) };
        let reader = self.chain.reader().at(head.hash);
        let view = reader.round(sheet.round_id).await?;
        let on_chain = reader.sheet_hash(sheet.round_id, sheet.seat).await?;
        match fee_action(&view, row.open_until, head.timestamp, sheet, on_chain) {
            FeeAction::Wait => Ok(()),
            FeeAction::Settle => Ok(self.store.settle_sheet(sheet).await?),
            FeeAction::Collect => {
                let call = collectCall {
                    roundId: sheet.round_id.into(),
                    seat: sheet.seat.0,
                    keysHash: sheet.keys.into(),
                    tags: sheet.tags.word().into(),
                };
                let key = format!("round/{}/seat/{}/collect", sheet.round_id, sheet.seat);
                let what = format!("fee of seat {} of round {}", sheet.seat, sheet.round_id);
                self.submit(&key, None, &call, &what).await
            }
        }
    }

    /// Keeps our tickets alive.
    ///
    /// # Errors
    /// [`SeatError`].
    pub(crate) async fn stay_alive(&self, head: &Head) -> Result<(), SeatError> {
        let me = self.chain.reader().at(head.hash).prover(self.account()).await?;
        let margin = me.alive_until.saturating_sub(head.timestamp);
        if me.tickets != 0 {
            metrics::gauge!("oml_alive_margin_seconds").set(margin as f64);
        }
        let period = self.rules.alive_period;
        if !must_show_life(me.tickets, me.alive_until, period, head.timestamp) {
            return Ok(());
        }
        let key = format!("prover/{}/alive/{}", self.account(), me.alive_until);
        let to: Address = self.chain.addresses().prover_registry.into();
        let what = "sign of life";
        let make = |key: &str| Ok(Intent::call(key, to, &stayAliveCall {}, what));
        report(&submit_once(&self.sender, &key, None, make).await?, what);
        Ok(())
    }

    async fn submit<C: alloy::sol_types::SolCall>(
        &self,
        key: &str,
        deadline: Option<u64>,
        call: &C,
        what: &str,
    ) -> Result<(), SeatError> {
        let to: Address = self.chain.addresses().rounds.into();
        let make = |key: &str| Ok(Intent::call(key, to, call, what));
        report(&submit_once(&self.sender, key, deadline, make).await?, what);
        Ok(())
    }
}
