//! What a prover's node does after every head.

use alloy::primitives::Address;
use oml_contracts::round::SeatIndex;
use oml_contracts::rpc::abi::ProverRegistry::stayAliveCall;
use oml_contracts::rpc::abi::Rounds::{answerCall, collectLapsedCall, withdrawFeesCall};
use oml_contracts::{EthAddress, RoundId};

use super::ask::AskOrder;
use crate::chain::{
    ChainClient, ChainError, Head, Intent, RoundRules, RoundStatus, Sender, SubmitError,
    submit_once,
};
use crate::clock::unix_now;
use crate::rounds::file::RoundFile;
use crate::rounds::machine::{
    FeeAction, Phase, SeatAction, fee_action, must_show_life, must_withdraw, seat_action,
};
use crate::rounds::sheets::{SheetsError, all_sheets};
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
    /// What the seats have sent is not known.
    #[error(transparent)]
    Sheets(#[from] SheetsError),
}

/// Acts on the seats of one account.
#[derive(Debug)]
pub struct ProverDuty {
    chain: ChainClient,
    store: Store,
    sender: Sender,
    rules: RoundRules,
    habits: SeatHabits,
}

/// How an operator wants its seats to behave.
#[derive(Debug, Clone, Copy)]
pub struct SeatHabits {
    /// Longest pause before a seat asks, in seconds; half of what is left if none is given.
    pub spread: Option<u64>,
    /// Fees are taken out once they are those of so many seats; 0 for never.
    pub withdraw_from_seats: u32,
}

impl ProverDuty {
    /// Prepares; starts nothing.
    #[must_use]
    pub const fn new(
        chain: ChainClient,
        store: Store,
        sender: Sender,
        rules: RoundRules,
        habits: SeatHabits,
    ) -> Self {
        Self { chain, store, sender, rules, habits }
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
        let on_chain = reader.sheets(file.id()).await?;
        for (seat, holder) in file.holders(&reader).await? {
            if holder != self.account() {
                continue;
            }
            let sheet = self.store.sheet(file.id(), seat, seed).await?;
            let handed = self.store.hand_out(file.id(), seat, seed).await?.is_some();
            match seat_action(phase, handed, sheet.as_ref(), on_chain.has(seat)) {
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
        let longest = self.habits.spread.unwrap_or(left / 2).min(left / 2);
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

    /// Sees to the fees of our sheets: asks for those of lapsed rounds, forgets what needs nothing
    /// more, and takes out what is worth it.
    ///
    /// # Errors
    /// [`SeatError`] if the list of sheets or the fees can't be read; failures of one sheet are
    /// logged.
    pub(crate) async fn collect(&self, head: &Head) -> Result<(), SeatError> {
        for sheet in self.store.unsettled_sheets().await? {
            if sheet.prover != self.account() {
                continue;
            }
            if let Err(error) = self.collect_one(&sheet, head).await {
                tracing::warn!(round = %sheet.round_id, seat = %sheet.seat, %error, "no fee for now");
            }
        }
        self.withdraw(head).await
    }

    async fn collect_one(&self, sheet: &SheetRow, head: &Head) -> Result<(), SeatError> {
        let id = sheet.round_id;
        let Some(row) = self.store.round(id).await? else { return Ok(()) };
        let reader = self.chain.reader().at(head.hash);
        let view = reader.round(id).await?;
        let answered = reader.sheets(id).await?.has(sheet.seat);
        match fee_action(&view, row.open_until, head.timestamp, sheet.seat, answered) {
            FeeAction::Wait => Ok(()),
            FeeAction::Settle if self.is_final(id, view.status, head).await? => {
                Ok(self.store.settle_sheet(sheet).await?)
            }
            FeeAction::Settle => Ok(()),
            FeeAction::CollectLapsed => {
                let sheets = all_sheets(&self.store, &reader, id).await?;
                let call = collectLapsedCall {
                    roundId: id.into(),
                    sent: sheets.iter().map(Into::into).collect(),
                };
                // One call is for all of our seats.
                let key = format!("round/{id}/collect/{}", self.account());
                self.submit(&key, None, &call, &format!("fees of round {id}, which lapsed")).await
            }
        }
    }

    /// Whether no reorg takes back what ended a round. Else a round whose opening is undone could
    /// lapse after its sheets were forgotten, and nobody would ask for their fees.
    async fn is_final(
        &self,
        id: RoundId,
        status: RoundStatus,
        head: &Head,
    ) -> Result<bool, StoreError> {
        let end = match status {
            RoundStatus::Opened | RoundStatus::Convicted => "RoundOpened",
            RoundStatus::Lapsed => "LapsedFeesCollected",
            RoundStatus::None | RoundStatus::Sealed => return Ok(true),
        };
        let events = self.store.events_named(id.into(), end).await?;
        Ok(events.last().is_some_and(|event| event.block <= head.finalized))
    }

    async fn withdraw(&self, head: &Head) -> Result<(), SeatError> {
        let fees = self.chain.reader().at(head.hash).seat_fees(self.account()).await?;
        metrics::gauge!("oml_seat_fees").set(fees.get() as f64);
        if !must_withdraw(fees, self.rules.seat_fee, self.habits.withdraw_from_seats) {
            return Ok(());
        }
        let prefix = format!("prover/{}/fees/", self.account());
        let open = self.store.open_intents(self.account().into()).await?;
        // What this block does not show yet would be asked for twice.
        let is_new = |mined: Option<u64>| mined.is_none_or(|block| block > head.number);
        if open.iter().any(|it| it.key.starts_with(&prefix) && is_new(it.block)) {
            return Ok(());
        }
        let call = withdrawFeesCall { to: self.account().into() };
        let key = format!("{prefix}{}", head.number);
        self.submit(&key, None, &call, "withdrawal of the seats' fees").await
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
