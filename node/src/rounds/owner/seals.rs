//! Sealing what was ordered.

use alloy::primitives::{Address, U256};
use oml_contracts::round::{RoundKind, WordIndex};
use oml_contracts::rpc::abi::Rounds::sealForCall;
use oml_contracts::rpc::abi::Token;
use oml_contracts::{Bps, DeploymentCommitment, RoundId};

use super::duty::{OwnLicense, access_of, deployment_of};
use super::{OwnerDuty, OwnerError, TestedDeployment};
use crate::chain::{
    DeploymentView, Head, Intent, LicenseStatus, Reader, RoundStatus, Submitted, submit_once,
};
use crate::rounds::submitted::report;
use crate::rounds::{SealTerms, SignedSeal};
use crate::store::SealOrderRow;

/// What an order needs, given what the chain keeps of the round of its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OrderStep {
    /// It has no word.
    Choose,
    /// Its word has sealed a round of something else: by a node with the same secret and another
    /// database. It needs another word.
    ChooseAnother,
    /// Its round is to be sealed.
    Seal,
    /// It is sealed, or somebody else pays for it.
    Done,
}

/// Decides about one order. `sealed` is what the round of its word commits to, if it is sealed, and
/// `wanted` what the order would make it commit to.
fn order_step(
    order: &SealOrderRow,
    sealed: Option<DeploymentCommitment>,
    wanted: DeploymentCommitment,
) -> OrderStep {
    match (order.index, sealed) {
        (None, _) => OrderStep::Choose,
        (Some(_), Some(found)) if found == wanted => OrderStep::Done,
        (Some(_), Some(_)) => OrderStep::ChooseAnother,
        (Some(_), None) if order.payer.is_some() => OrderStep::Done,
        (Some(_), None) => OrderStep::Seal,
    }
}

/// Whether other orders can be sealed in the same block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SealStep {
    /// Others can be sealed in the same block.
    Next,
    /// They can't: an allowance is meant for one seal, and a second would use it up.
    Alone,
}

impl OwnerDuty {
    /// Takes an order one step on: its word first, then the seal, unless somebody else pays for it.
    pub(super) async fn seal(
        &self,
        reader: &Reader,
        license: &OwnLicense,
        order: &SealOrderRow,
        head: &Head,
    ) -> Result<SealStep, OwnerError> {
        let Some(index) = order.index.and_then(WordIndex::new) else {
            self.choose_word(reader, license, order).await?;
            return Ok(SealStep::Next);
        };
        let round = reader.round(license.words.round(index)).await?;
        let sealed = (round.status != RoundStatus::None).then_some(round.deployment);
        let wanted = self.wanted(license, order, index)?.commitment();
        match order_step(order, sealed, wanted) {
            OrderStep::Choose | OrderStep::Done => return Ok(SealStep::Next),
            OrderStep::ChooseAnother => {
                let (order, index) = (&order.order_id, index.get());
                tracing::warn!(order, index, "its word has sealed another round; taking the next");
                self.store.drop_word(order, index).await?;
                return Ok(SealStep::Next);
            }
            OrderStep::Seal => {}
        }
        let (id, hash) = (license.id, deployment_of(order));
        let read = |reader: Reader| async move {
            Ok((reader.license(id).await?, reader.deployment(id, hash).await?))
        };
        let what = format!("license {id} before a round of it is sealed");
        let (view, deployment) = reader.confirmed(&what, head.hash, read).await?;
        // Any other could not be opened, and fees never come back.
        let liable = matches!(view.status, LicenseStatus::Active | LicenseStatus::Terminated);
        if view.cases_root != license.words.words().root() || !liable {
            return Ok(SealStep::Next);
        }
        let rules = reader.round_rules().await?;
        let length = rules.answer_window + rules.open_window;
        if !can_be_opened(order, deployment, head.timestamp, length) {
            tracing::warn!(
                order = order.order_id,
                uri = order.uri,
                liable_until = deployment.liable_until,
                "a round could not be opened now: the deployment is of the other kind, or its host answers for it no longer than the round takes"
            );
            return Ok(SealStep::Next);
        }
        self.send_seal(reader, license, order, index).await
    }

    /// What an order tests, as the round of its word commits to it.
    fn wanted(
        &self,
        license: &OwnLicense,
        order: &SealOrderRow,
        index: WordIndex,
    ) -> Result<TestedDeployment, OwnerError> {
        let salt = self.secret.deployment_salt(license.id, index);
        Ok(TestedDeployment { uri: order.uri.clone(), salt, access: access_of(order)? })
    }

    /// The first word of its kind that has sealed nothing; the chain says which have, so a lost
    /// database uses none twice.
    async fn choose_word(
        &self,
        reader: &Reader,
        license: &OwnLicense,
        order: &SealOrderRow,
    ) -> Result<(), OwnerError> {
        for index in kind_of(order).words() {
            let view = reader.round(license.words.round(index)).await?;
            if view.status == RoundStatus::None
                && self.store.take_word(&order.order_id, license.id, index.get()).await?
            {
                let (order, index) = (&order.order_id, index.get());
                tracing::info!(order, index, "a word for this round");
                return Ok(());
            }
        }
        Err(OwnerError::NoWord(license.id))
    }

    async fn send_seal(
        &self,
        reader: &Reader,
        license: &OwnLicense,
        order: &SealOrderRow,
        index: WordIndex,
    ) -> Result<SealStep, OwnerError> {
        let rules = reader.round_rules().await?;
        let seats = license.reference.terms.seats;
        let fees = rules.seat_fee.get().saturating_mul(seats.into());
        let payer = self.payer.address();
        let native = rules.currency.is_zero();
        if !native && reader.fee_allowance(rules.currency, payer).await? < U256::from(fees) {
            let round = license.words.round(index);
            return self.allow_fees(rules.currency.into(), fees, round).await;
        }
        let call = self.seal_call(license, order, index)?;
        let to: Address = self.chain.addresses().rounds.into();
        let what = format!("seal of round {}", license.words.round(index));
        let key = format!("round/{}/seal", license.words.round(index));
        let value = if native { U256::from(fees) } else { U256::ZERO };
        let make = |key: &str| Ok(Intent::call(key, to, &call, what.as_str()).with_value(value));
        let submitted = submit_once(&self.payer, &key, None, make).await?;
        report(&submitted, &what);
        Ok(if native { SealStep::Next } else { step_of(&submitted) })
    }

    fn seal_call(
        &self,
        license: &OwnLicense,
        order: &SealOrderRow,
        index: WordIndex,
    ) -> Result<sealForCall, OwnerError> {
        let terms = SealTerms {
            tested: &self.wanted(license, order, index)?,
            seats: license.reference.terms.seats,
            payer: self.payer.address(),
            promise_bps: Bps::new(order.promise_bps)
                .map_err(oml_contracts::rpc::ConvertError::from)?,
        };
        let domain = self.chain.addresses().round_domain();
        Ok(SignedSeal::new(&self.secret, &license.words, index, &terms, &domain)?.call())
    }

    /// Lets `Rounds` take the fees of one round.
    async fn allow_fees(
        &self,
        token: Address,
        fees: u128,
        round: RoundId,
    ) -> Result<SealStep, OwnerError> {
        let spender: Address = self.chain.addresses().rounds.into();
        let call = Token::approveCall { spender, amount: U256::from(fees) };
        let key = format!("round/{round}/allowance");
        let make = |key: &str| Ok(Intent::call(key, token, &call, "allowance for seat fees"));
        let submitted = submit_once(&self.payer, &key, None, make).await?;
        report(&submitted, "allowance for seat fees");
        Ok(step_of(&submitted))
    }
}

/// What is under way must be mined before another order spends the same allowance.
const fn step_of(submitted: &Submitted) -> SealStep {
    match submitted {
        Submitted::Sent { .. } | Submitted::UnderWay => SealStep::Alone,
        Submitted::NotNow { .. } | Submitted::GivenUp { .. } => SealStep::Next,
    }
}

/// What kind of deployment an order is about.
const fn kind_of(order: &SealOrderRow) -> RoundKind {
    if order.leak { RoundKind::Leak } else { RoundKind::Registered }
}

/// Whether a round that is sealed at `now` and takes `length` seconds can be opened to its end: a
/// leak only where the host answers for nothing any more, else only as long as it still answers.
/// The seal comes later than `now`, by less than another `length`.
const fn can_be_opened(
    order: &SealOrderRow,
    deployment: DeploymentView,
    now: u64,
    length: u64,
) -> bool {
    let answers = deployment.registered_at != 0 && now <= deployment.liable_until;
    if order.leak {
        return !answers;
    }
    answers && deployment.liable_until.saturating_sub(now) >= length.saturating_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::{EthAddress, LicenseId};
    use std::collections::BTreeMap;

    const ONE: DeploymentCommitment = DeploymentCommitment::new([1; 32]);
    const TWO: DeploymentCommitment = DeploymentCommitment::new([2; 32]);

    fn order(index: Option<u8>) -> SealOrderRow {
        SealOrderRow {
            order_id: "a".to_owned(),
            license_id: LicenseId::new([7; 32]),
            index,
            uri: "https://host.example".to_owned(),
            leak: false,
            access: None,
            payer: None,
            promise_bps: 0,
        }
    }

    #[test]
    fn an_order_gets_a_word_is_sealed_and_done() {
        assert_eq!(order_step(&order(None), None, ONE), OrderStep::Choose);
        assert_eq!(order_step(&order(Some(3)), None, ONE), OrderStep::Seal);
        assert_eq!(order_step(&order(Some(3)), Some(ONE), ONE), OrderStep::Done);
        let paid = SealOrderRow { payer: Some(EthAddress::new([9; 20])), ..order(Some(3)) };
        assert_eq!(order_step(&paid, None, ONE), OrderStep::Done);
    }

    #[test]
    fn a_word_that_sealed_something_else_is_given_up() {
        assert_eq!(order_step(&order(Some(3)), Some(TWO), ONE), OrderStep::ChooseAnother);
    }

    /// Two nodes with one secret and a database each, any of which may be lost at any time: the
    /// chain lets each word seal once, and in the end each order has a round of its own.
    #[test]
    fn a_lost_database_seals_with_no_word_twice() {
        let mut chain: BTreeMap<u8, DeploymentCommitment> = BTreeMap::new();
        for n in 0..20_u8 {
            let wanted = DeploymentCommitment::new([n; 32]);
            // A node that has lost everything knows the order and the chain, which may lag.
            let mut order = order((n % 3 == 0).then_some(n / 2));
            for _ in 0..64 {
                let sealed = order.index.and_then(|index| chain.get(&index).copied());
                match order_step(&order, sealed, wanted) {
                    OrderStep::Choose => {
                        let free =
                            RoundKind::Registered.words().find(|w| !chain.contains_key(&w.get()));
                        order.index = free.map(WordIndex::get);
                    }
                    OrderStep::ChooseAnother => order.index = None,
                    OrderStep::Seal => {
                        let before = chain.insert(order.index.unwrap(), wanted);
                        assert_eq!(before, None, "a word has sealed twice");
                    }
                    OrderStep::Done => break,
                }
            }
            assert_eq!(chain.values().filter(|found| **found == wanted).count(), 1);
        }
        let mut used: Vec<u8> = chain.into_keys().collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), 20);
    }

    #[test]
    fn only_what_can_be_opened_is_sealed() {
        let registered = |liable_until| DeploymentView { registered_at: 10, liable_until };
        let never = DeploymentView { registered_at: 0, liable_until: 0 };
        let leak = SealOrderRow { leak: true, ..order(None) };
        let (now, length) = (1_000, 50);
        // A retired deployment at the end of its liability can be opened in neither way; after it,
        // it is a leak.
        for (deployment, as_registered, as_leak) in [
            (never, false, true),
            (registered(u64::MAX), true, false),
            (registered(1_100), true, false),
            (registered(1_099), false, false),
            (registered(1_000), false, false),
            (registered(999), false, true),
        ] {
            let can = |order: &SealOrderRow| can_be_opened(order, deployment, now, length);
            assert_eq!(can(&order(None)), as_registered, "{deployment:?}");
            assert_eq!(can(&leak), as_leak, "{deployment:?}");
        }
    }
}
