//! Acts 1 and 2: an owner publishes a model, hosts buy licenses and get their copies.

use crate::play::Play;
use crate::ports::free_port;
use crate::report::PlayedAct;
use crate::scenario::{PROVERS, UNIT};
use eyre::{Result, eyre};
use oml_client::license::AcquireLicense;
use oml_client::model::NewModel;
use oml_client::offer::OfferDraft;
use oml_client::{Chain, delivery, local_model, model, offer, purchase, round};
use oml_contracts::ledger::RoundSize;
use oml_contracts::{Amount, Bps, Terms};
use std::path::PathBuf;

/// Hosts, in the order in which they buy.
const HOSTS: [&str; 4] = ["hostA", "hostB", "hostC", "hostD"];

/// The acts in which each host plays.
const HOST_ACTS: [&[u8]; 4] = [&[3, 7], &[4], &[5], &[6]];

/// 2^30: the 24 leaves of a demo's round that are kept bring up to 64 bits, so one round convicts.
const ALPHA_INVERSE: u64 = 1 << 30;

/// Seconds within which a host settles what it served.
const SETTLEMENT_PERIOD: u64 = 16;

impl Play {
    /// Act 1: the owner registers, commits to fingerprints and publishes an offer.
    ///
    /// # Errors
    /// A process dies, or a transaction fails.
    pub async fn publish(&mut self) -> Result<PlayedAct> {
        let mut act = self.start(1, "an owner publishes a model");
        let mark = self.stage.begin().await?;
        let owner = self.stage.chain("owner")?.clone();
        let metadata = serde_json::json!({ "name": "demo", "seed": self.options.seed });
        let new = NewModel {
            weights_hash: local_model::weights_hash(&self.model_dir)?,
            metadata: Some(metadata.to_string().into_bytes()),
            parents: Vec::new(),
        };
        let registered = model::register(&owner, new).await?;
        self.model_id = registered.model_id;
        act.notes.push(format!("model {}", self.model_id));
        let universe = self.make_universe(&owner).await?;
        act.notes.push(universe);
        let terms = self.demo_terms(&owner)?;
        let published = offer::publish(&owner, &terms).await?;
        act.notes.push(format!("offer {}", published.offer_id));
        self.terms = Some(terms);
        self.start_nodes().await?;
        self.finish(mark, act).await
    }

    fn demo_terms(&self, owner: &Chain) -> Result<Terms> {
        let draft = OfferDraft {
            model_id: self.model_id,
            epoch: 0,
            owner: owner.me()?,
            currency: self.stage.token(),
            license_fee: Amount::new(50 * UNIT),
            price_per_request: Amount::new(UNIT / 20),
            price_per_thousand_tokens: Amount::new(2 * UNIT),
            collateral: Amount::new(1_000 * UNIT),
            seats: RoundSize::DEMO.seats(),
            alpha_inverse: ALPHA_INVERSE,
            settlement_period: SETTLEMENT_PERIOD,
            thaw_period: 3_600,
            duration: 30 * 86_400,
            trial_period: 86_400,
            leak_liability: false,
            unlicensed_model_bps: Bps::new(0)?,
        };
        // One, so that no round has to pay for others that could have been named.
        let terms = Terms { max_deployments: 1, ..draft.terms()? };
        offer::check(&terms)?;
        Ok(terms)
    }

    /// The owner's node, which hands out keys and opens, and three provers, each a process of its
    /// own.
    async fn start_nodes(&mut self) -> Result<()> {
        let owner_port = free_port()?;
        round::keygen(&self.stage.rounds_secret())?;
        let config =
            self.stage.owner_node(self.model_id, &self.universe, &self.key_file, owner_port)?;
        self.start_node("owner", &config, owner_port).await?;
        self.owner_url = format!("http://127.0.0.1:{owner_port}");
        for name in PROVERS {
            let port = self.stage.inbox_port(name)?;
            let config = self.stage.prover_node(name, port)?;
            self.start_node(name, &config, port).await?;
        }
        Ok(())
    }

    /// Act 2: four hosts buy; each gets a copy with its own answers.
    ///
    /// # Errors
    /// As [`Self::publish`], and nothing was published before.
    pub async fn license(&mut self) -> Result<PlayedAct> {
        let mut act = self.start(2, "four hosts buy licenses and get their copies");
        let mark = self.stage.begin().await?;
        let terms = self.terms.clone().ok_or_else(|| eyre!("nothing is published yet"))?;
        for host in HOSTS {
            let chain = self.stage.chain(host)?;
            let key = delivery::encryption_key(&self.stage.copy_key(host))?;
            let order = AcquireLicense {
                terms: terms.clone(),
                serving_key: chain.me()?,
                encryption_key: key.public(),
                nonce: 0,
            };
            let out = self.stage.dir.join(format!("{host}.license.json"));
            let license = purchase::acquire(chain, &order, &out).await?.file;
            self.say(format!("  {host} bought license {}", license.license_id));
            self.licenses.push(license);
        }
        for (number, (host, played)) in HOSTS.iter().zip(HOST_ACTS).enumerate() {
            // A copy that no act uses is not worth a minute of training.
            if !self.options.acts.iter().any(|act| played.contains(act)) {
                self.copies.push(PathBuf::new());
                continue;
            }
            let copy = self.make_copy(number, host).await?;
            act.copies.push(copy);
        }
        self.commit_words().await?;
        self.finish(mark, act).await
    }

    /// The owner commits to the words with which it may seal rounds of the licenses, as long as
    /// nobody knows which it will need.
    async fn commit_words(&self) -> Result<()> {
        let owner = self.stage.chain("owner")?;
        let secret = round::load_secret(&self.stage.rounds_secret())?;
        for license in &self.licenses {
            round::commit_cases(owner, &secret, license).await?;
        }
        self.say("  the owner committed to the words of their rounds");
        Ok(())
    }
}
