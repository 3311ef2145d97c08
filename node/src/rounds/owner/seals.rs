//! Sealing what was ordered.

use alloy::primitives::{Address, U256};
use oml_contracts::ledger::RoundIndex;
use oml_contracts::round::{Seal, WordIndex};
use oml_contracts::rpc::abi::Rounds::sealForCall;
use oml_contracts::rpc::abi::Token;
use oml_contracts::{Bps, Signable as _};

use super::duty::{OwnLicense, access_of, deployment_of, report};
use super::{OwnerDuty, OwnerError, TestedDeployment};
use crate::chain::{DeploymentView, Intent, LicenseStatus, Reader, RoundStatus, submit_once};
use crate::store::SealOrderRow;

impl OwnerDuty {
    /// Takes an order one step on: its word first, then the seal, unless somebody else pays for it.
    pub(super) async fn seal(
        &self,
        reader: &Reader,
        license: &OwnLicense,
        order: &SealOrderRow,
    ) -> Result<(), OwnerError> {
        let Some(index) = order.index else {
            return self.choose_word(reader, license, order).await;
        };
        let Some(index) = WordIndex::new(index) else { return Ok(()) };
        let round = license.words.round(index);
        if order.payer.is_some() || reader.round(round).await?.status != RoundStatus::None {
            return Ok(());
        }
        let view = reader.license(license.id).await?;
        if view.cases_root.is_zero() || view.status == LicenseStatus::Cancelled {
            return Ok(());
        }
        if !is_of_kind(order, reader.deployment(license.id, deployment_of(order)).await?) {
            tracing::warn!(
                order = order.order_id,
                uri = order.uri,
                "the deployment is of the other kind by now: registered where a leak was ordered, or the reverse"
            );
            return Ok(());
        }
        self.send_seal(reader, license, order, index).await
    }

    /// The first word of its kind that has sealed nothing; the chain says which have, so a lost
    /// database uses none twice.
    async fn choose_word(
        &self,
        reader: &Reader,
        license: &OwnLicense,
        order: &SealOrderRow,
    ) -> Result<(), OwnerError> {
        for round in (0..RoundIndex::COUNT).filter_map(RoundIndex::new) {
            let index =
                if order.leak { WordIndex::leak(round) } else { WordIndex::registered(round) };
            let view = reader.round(license.words.round(index)).await?;
            if view.status == RoundStatus::None
                && self.store.take_word(&order.order_id, license.id, index.get()).await?
            {
                tracing::info!(
                    order = order.order_id,
                    index = index.get(),
                    "a word for this round"
                );
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
    ) -> Result<(), OwnerError> {
        let rules = reader.round_rules().await?;
        let seats = license.reference.terms.seats;
        let fees = rules.seat_fee.get().saturating_mul(seats.into());
        let payer = self.payer.address();
        let native = rules.currency.is_zero();
        if !native && reader.fee_allowance(rules.currency, payer).await? < U256::from(fees) {
            return self.allow_fees(rules.currency.into(), fees, order).await;
        }
        let call = self.seal_call(license, order, index)?;
        let to: Address = self.chain.addresses().rounds.into();
        let what = format!("seal of round {}", license.words.round(index));
        let key = format!("round/{}/seal", license.words.round(index));
        let value = if native { U256::from(fees) } else { U256::ZERO };
        let make = |key: &str| Ok(Intent::call(key, to, &call, what.as_str()).with_value(value));
        report(&submit_once(&self.payer, &key, None, make).await?, &what);
        Ok(())
    }

    fn seal_call(
        &self,
        license: &OwnLicense,
        order: &SealOrderRow,
        index: WordIndex,
    ) -> Result<sealForCall, OwnerError> {
        let salt = self.secret.deployment_salt(license.id, index);
        let access = access_of(order)?;
        let tested = TestedDeployment { uri: order.uri.clone(), salt, access };
        let seal = Seal {
            word: license.words.words().word(index),
            deployment: tested.commitment(),
            seats: license.reference.terms.seats,
            payer: self.payer.address(),
            promise_bps: Bps::new(order.promise_bps)
                .map_err(oml_contracts::rpc::ConvertError::from)?,
        };
        let key = self.secret.account(license.id, index);
        let signature = seal
            .sign(&self.chain.addresses().round_domain(), &key)
            .map_err(|error| OwnerError::HandOut(Box::new(error)))?;
        Ok(sealForCall {
            account: license.words.account(index).into(),
            word: seal.word.into(),
            deployment: seal.deployment.into(),
            seats: seal.seats,
            promiseBps: seal.promise_bps.get(),
            signature: signature.as_bytes().to_vec().into(),
        })
    }

    /// Lets `Rounds` take the fees of one round.
    async fn allow_fees(
        &self,
        token: Address,
        fees: u128,
        order: &SealOrderRow,
    ) -> Result<(), OwnerError> {
        let spender: Address = self.chain.addresses().rounds.into();
        let call = Token::approveCall { spender, amount: U256::from(fees) };
        let key = format!("seal-order/{}/allowance", order.order_id);
        let make = |key: &str| Ok(Intent::call(key, token, &call, "allowance for seat fees"));
        report(&submit_once(&self.payer, &key, None, make).await?, "allowance for seat fees");
        Ok(())
    }
}

/// Whether the deployment is registered exactly if the order says so: a round of the other kind
/// could not be opened.
const fn is_of_kind(order: &SealOrderRow, deployment: DeploymentView) -> bool {
    (deployment.registered_at == 0) == order.leak
}
