//! Calls that take money from the signer: looked at, rehearsed, kept, and only then sent.
//!
//! The order is what keeps money safe. First the balance is read, so that the commonest failure is
//! said in plain words. Then approval and call are rehearsed together, which needs no allowance.
//! Then whatever a person needs afterwards is written. Only then is anything sent.

use super::rehearsal::rehearse;
use super::{Call, Chain, Sent, TxRecord};
use crate::error::{ClientError, FailureKind, Result, fail};
use crate::money::Money;
use alloy::primitives::{Address, U256};
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi::Token;
use oml_contracts::{Amount, EthAddress};

/// Money that calls take from the signer.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    /// ERC-20 token; zero is the chain's own currency.
    currency: EthAddress,
    /// Contract that pulls it.
    spender: Address,
    /// What it is for, and how much, smallest units.
    parts: Vec<(&'static str, Amount)>,
}

/// What paying calls did, or in a dry run would do.
#[derive(Clone, Debug)]
pub(crate) struct Paid {
    /// The last call.
    pub(crate) last: Sent,
    /// All that was sent, approvals included.
    pub(crate) records: Vec<TxRecord>,
}

impl Payment {
    /// So much for `purpose`, pulled by `spender`.
    pub(crate) fn new(
        currency: EthAddress,
        spender: Address,
        purpose: &'static str,
        amount: Amount,
    ) -> Self {
        Self { currency, spender, parts: vec![(purpose, amount)] }
    }

    /// And so much for another purpose.
    pub(crate) fn and(mut self, purpose: &'static str, amount: Amount) -> Self {
        self.parts.push((purpose, amount));
        self
    }

    /// All of it.
    pub(crate) fn total(&self) -> Result<Amount> {
        let sum = |sum: Amount, (_, part): &(_, Amount)| sum.checked_add(*part);
        self.parts.iter().try_fold(Amount::ZERO, sum).ok_or_else(|| {
            let parts: Vec<String> = self.parts.iter().map(|(_, part)| part.to_string()).collect();
            fail(
                format!("{} smallest units are together more than 2^128", parts.join(" + ")),
                "no contract can hold that much; check the amounts",
                FailureKind::Failed,
            )
        })
    }

    /// The parts in words, where there are several that are not nothing.
    fn shown_parts(&self, total: &Money) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .filter(|(_, part)| !part.is_zero())
            .map(|(purpose, part)| format!("{purpose} {}", total.with_units(part.get()).bare()))
            .collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(" + ")) }
    }
}

impl Chain {
    /// Sends a call that pays: approves before what is pulled, or sends native currency along.
    ///
    /// # Errors
    /// Too little money, a refusal of the contracts (then nothing was sent), or as [`Self::send`].
    pub(crate) async fn send_paying<C: SolCall>(
        &self,
        step: &str,
        to: Address,
        call: C,
        payment: &Payment,
    ) -> Result<Paid> {
        self.send_paying_kept(step, to, call, payment, || Ok(())).await
    }

    /// The same, with what must be written before anything is sent; a dry run writes nothing.
    ///
    /// # Errors
    /// As [`Self::send_paying`], what `keep` fails with, or nobody agreed; then nothing was sent.
    pub(crate) async fn send_paying_kept<C: SolCall>(
        &self,
        step: &str,
        to: Address,
        call: C,
        payment: &Payment,
        keep: impl FnOnce() -> Result<()> + Send,
    ) -> Result<Paid> {
        let value = self.native_value(payment.currency, payment.total()?);
        self.pay(vec![Call::new(step, to, &call).with_value(value)], payment, keep).await
    }

    /// Sends calls that take one payment together.
    ///
    /// # Errors
    /// As [`Self::send_paying_kept`].
    pub(crate) async fn pay(
        &self,
        calls: Vec<Call>,
        payment: &Payment,
        keep: impl FnOnce() -> Result<()> + Send,
    ) -> Result<Paid> {
        if !self.is_dry_run() {
            self.require_nothing_on_its_way().await?;
        }
        let total = self.require_funds(&calls, payment).await?;
        let approvals = self.approvals(payment).await?;
        let approved = approvals.len();
        let steps: Vec<Call> = approvals.into_iter().chain(calls).collect();
        let rehearsed = rehearse(self, &steps).await?;
        if self.is_dry_run() {
            return of_rehearsal(self, &steps, rehearsed).await;
        }
        let step = steps.last().map_or("this", |call| call.step.as_str());
        self.require_consent(step, Some(total.clone()), payment.shown_parts(&total))?;
        keep()?;
        let mut sent = Vec::new();
        for step in &steps {
            let done = self.send_agreed(step).await;
            sent.push(done.map_err(|error| self.name_approval(error, payment, &sent, approved))?);
        }
        paid(sent, Some(total))
    }

    /// Native value to send along with a payment of `amount` in `currency`.
    pub(crate) fn native_value(&self, currency: EthAddress, amount: Amount) -> U256 {
        if currency.is_zero() { U256::from(amount.get()) } else { U256::ZERO }
    }

    /// Refuses a payment that the signer can't make, in plain words.
    async fn require_funds(&self, calls: &[Call], payment: &Payment) -> Result<Money> {
        let me = self.me()?;
        let currency = self.currency(payment.currency).await?;
        let total = currency.of(payment.total()?);
        let have = self.wallet(payment.currency, me).await?;
        if have.units() >= total.units() {
            return Ok(total);
        }
        let step = calls.last().map_or("this", |call| call.step.as_str());
        let mint = self.addresses().token == Some(payment.currency);
        let how = if mint {
            format!("`oml chain mint {me} AMOUNT` makes the test token of this chain")
        } else {
            format!("send {} to {me} first", currency.symbol())
        };
        Err(fail(
            format!(
                "{step} needs {total}{}; you have {}",
                payment.shown_parts(&total),
                have.bare()
            ),
            format!("nothing was sent; {how}"),
            FailureKind::Failed,
        ))
    }

    /// The approvals that let the spender pull exactly the payment; none if it may already.
    async fn approvals(&self, payment: &Payment) -> Result<Vec<Call>> {
        let (wanted, spender) = (U256::from(payment.total()?.get()), payment.spender);
        if payment.currency.is_zero() || wanted.is_zero() {
            return Ok(Vec::new());
        }
        let (token, owner) = (Address::from(payment.currency), self.sender()?);
        let allowed = self.read(token, Token::allowanceCall { owner, spender }).await?;
        if allowed >= wanted {
            return Ok(Vec::new());
        }
        let approve =
            |step: &str, amount| Call::new(step, token, &Token::approveCall { spender, amount });
        let exact = approve("approve", wanted);
        // Some tokens change an allowance only from or to nothing.
        let strict = !allowed.is_zero() && self.simulate(&exact).await.is_err();
        let reset = strict.then(|| approve("reset approval", U256::ZERO));
        Ok(reset.into_iter().chain([exact]).collect())
    }

    /// Says of a failure after an approval that the approval stands, and how to take it back.
    fn name_approval(
        &self,
        error: ClientError,
        payment: &Payment,
        sent: &[Sent],
        approved: usize,
    ) -> ClientError {
        if approved == 0 || sent.len() < approved {
            return error;
        }
        let Payment { currency, spender, .. } = payment;
        error.and_hint(&format!(
            "the approval before it was sent and stands: the same command uses it, and `cast send \
             {currency} 'approve(address,uint256)' {spender} 0` takes it back"
        ))
    }
}

/// Records of a dry run: what was rehearsed, or that it could not be.
async fn of_rehearsal(chain: &Chain, steps: &[Call], rehearsed: Option<Vec<Sent>>) -> Result<Paid> {
    let rehearsed = match rehearsed {
        Some(rehearsed) => rehearsed,
        None => {
            let (from, native) = (chain.sender()?, chain.native().await?);
            steps.iter().map(|step| Sent::unsimulated(step, from, &native)).collect()
        }
    };
    paid(rehearsed, None)
}

/// All of it, with the money at its last step.
fn paid(mut sent: Vec<Sent>, total: Option<Money>) -> Result<Paid> {
    let mut last =
        sent.pop().ok_or_else(|| ClientError::Other("there was nothing to send".into()))?;
    last.record.paid = total;
    let records = sent.into_iter().map(|sent| sent.record).chain([last.record.clone()]).collect();
    Ok(Paid { last, records })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn payment(fee: u128, collateral: u128) -> Payment {
        Payment::new(EthAddress::new([7; 20]), Address::ZERO, "fee", Amount::new(fee))
            .and("collateral", Amount::new(collateral))
    }

    #[test]
    fn parts_add_up_and_are_named() {
        let usdc = Currency::new(EthAddress::new([7; 20]), "USDC", 6);
        let wanted = payment(50_000_000, 1_000_000_000);
        let total = usdc.of(wanted.total().unwrap());
        assert_eq!(total.to_string(), "1,050 USDC");
        assert_eq!(wanted.shown_parts(&total), " (fee 50 + collateral 1,000)");
        assert_eq!(payment(0, 5).shown_parts(&total), " (collateral 0.000005)");
    }

    #[test]
    fn a_sum_past_128_bits_is_an_error() {
        let error = payment(u128::MAX, 1).total().unwrap_err().to_string();
        assert!(error.contains("more than 2^128"), "{error}");
    }
}
