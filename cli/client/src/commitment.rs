//! The commitment that every proof of level 0 begins with: made once, and only for what the
//! contract would accept.

use crate::chain::{Call, Chain, TxRecord, rpc_failure};
use crate::error::Result;
use alloy::network::TransactionBuilder as _;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::providers::Provider as _;
use alloy::rpc::types::TransactionRequest;
use alloy::rpc::types::state::{StateOverride, StateOverridesBuilder};
use alloy::sol_types::{SolCall, SolValue as _};
use oml_contracts::ids::ClaimHash;
use oml_contracts::rpc::abi::Proofs;
use oml_contracts::{Salt, hash};
use oml_node::chain::on_newest_state;

/// Where `Proofs` keeps commitments. Only for rehearsals, which find out whether it is right.
const COMMITTED_AT_SLOT: u64 = 0;

/// A commitment of the signer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportCommitment {
    hash: B256,
    reporter: Address,
}

impl ReportCommitment {
    /// The signer's commitment to `claim`.
    pub(crate) fn new(chain: &Chain, claim: ClaimHash, salt: Salt) -> Result<Self> {
        let reporter = chain.sender()?;
        let hash = hash::report_commitment(reporter.into(), claim, salt).into();
        Ok(Self { hash, reporter })
    }

    /// When it was made, Unix seconds; none if it was not, or is used up.
    pub(crate) async fn made_at(&self, chain: &Chain) -> Result<Option<u64>> {
        let at: u64 = chain.read(chain.proofs(), self.read()).await?.to();
        Ok((at != 0).then_some(at))
    }

    /// What `call` would do if this commitment had been made long ago. An error if the contract
    /// would refuse it: then nothing has to be sent to know. None if the chain's endpoint can't
    /// pretend, which some can't.
    pub(crate) async fn rehearse<C: SolCall>(
        &self,
        chain: &Chain,
        step: &str,
        call: &C,
        value: U256,
    ) -> Result<Option<TxRecord>> {
        let (to, pretended) = (chain.proofs(), self.pretended(chain.proofs()));
        let request = |data: Vec<u8>| {
            TransactionRequest::default().with_from(self.reporter).with_to(to).with_input(data)
        };
        let read = request(self.read().abi_encode());
        let provider = chain.provider();
        let seen = provider.call(read).overrides(pretended.clone()).latest().await;
        if !seen.is_ok_and(|word| U256::from_be_slice(&word) == U256::ONE) {
            tracing::debug!("the chain's endpoint can't pretend a commitment");
            return Ok(None);
        }
        let request = request(call.abi_encode()).with_value(value);
        let called = on_newest_state(|block| {
            provider.call(request.clone()).overrides(pretended.clone()).block(block)
        });
        let called = called.await;
        called.map_err(|e| rpc_failure(step, e))?;
        let gas = on_newest_state(|block| {
            provider.estimate_gas(request.clone()).overrides(pretended.clone()).block(block)
        });
        let gas = gas.await;
        let gas = gas.map_err(|e| rpc_failure(step, e))?;
        let call = Call::new(step, to, call).with_value(value);
        let value = chain.native().await?.units(value);
        Ok(Some(TxRecord::simulated(&call, self.reporter, gas, value)))
    }

    /// Makes it, unless it was made before.
    pub(crate) async fn make(&self, chain: &Chain) -> Result<Option<TxRecord>> {
        if self.made_at(chain).await?.is_some() {
            return Ok(None);
        }
        let call = Proofs::commitReportCall { commitment: self.hash };
        let sent = chain.send("commit report", chain.proofs(), call, U256::ZERO).await?;
        Ok(Some(sent.record))
    }

    /// Waits until it can be used; returns the end of its delay, before which nothing counts that
    /// it is about.
    pub(crate) async fn mature(&self, chain: &Chain) -> Result<u64> {
        let made = match self.made_at(chain).await? {
            Some(made) => made,
            // Not seen yet by this endpoint: no later than its newest block.
            None => chain.rpc().now().await?,
        };
        let delay: u64 = chain.read(chain.proofs(), Proofs::configCall {}).await?.reportDelay.to();
        // The next block's time counts, so one second past the delay in the newest block is enough.
        chain.wait_past(made + delay).await?;
        Ok(made + delay)
    }

    fn read(&self) -> Proofs::reportCommittedAtCall {
        Proofs::reportCommittedAtCall { reporter: self.reporter, commitment: self.hash }
    }

    /// The contract's storage with this commitment, made in the first second of Unix time.
    fn pretended(&self, contract: Address) -> StateOverride {
        let of_reporter = keccak256((self.reporter, U256::from(COMMITTED_AT_SLOT)).abi_encode());
        let slot = keccak256((self.hash, of_reporter).abi_encode());
        let entry = (slot, B256::with_last_byte(1));
        StateOverridesBuilder::default().with_state_diff(contract, [entry]).build()
    }
}

/// Says of a step that failed after its commitment what was sent and what was not.
pub(crate) fn after_commitment<T>(step: Result<T>) -> Result<T> {
    step.map_err(|error| {
        error.with_hint(
            "only the commitment was sent, what it was for was not; run the command again once the \
             cause is gone",
        )
    })
}
