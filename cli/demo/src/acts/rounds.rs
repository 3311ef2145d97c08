//! Acts 4 and 5: rounds are sealed, seats answer as strangers, the owner's node opens, the contract
//! decides.

use crate::clock;
use crate::options::DemoBeacon;
use crate::play::Play;
use crate::report::PlayedAct;
use crate::scenario::{DAY, PROVERS};
use eyre::{Result, ensure, eyre};
use oml_client::files::LicenseFile;
use oml_client::report::{self, SealReport};
use oml_client::round::{
    self, FeeState, RoundKind, RoundOrder, RoundStanding, RoundState, SheetGiven,
};
use oml_client::{FailureKind, balance, deployment, fail, local_model, universe};
use oml_contracts::round::{SEAT_KEYS, SheetTags, keys_hash};
use oml_contracts::{KeyHash, KeysHash, RoundId, hash};
use oml_node::NodeConfig;
use std::time::{Duration, Instant};

/// Part of its own share that the owner promises to a reporter, in basis points.
const PROMISE_BPS: u16 = 1_000;

/// How long a draw, an answer or an opening may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// A person's seat in a round.
#[derive(Clone, Copy, Debug)]
struct SeatOf {
    seat: u8,
    holder: &'static str,
}

impl Play {
    /// Act 4: host B serves its copy to anyone, without vouchers. It is reported; one of the seats
    /// lies for it; it is convicted all the same.
    ///
    /// # Errors
    /// A process dies, a transaction fails, or the host is not convicted.
    pub(crate) async fn cheat(&mut self) -> Result<PlayedAct> {
        let mut act = self.start(
            4,
            "a host serves its copy without being paid for it: a sealed round, one lying tester",
        );
        let mark = self.stage.begin().await?;
        self.hold_provers("STOP").await?;
        let id = self.seal_cheat().await?;
        let liar = self.first_seat(id).await?;
        // Of keys that nobody handed out, and without an answer.
        let nothing = SheetGiven { keys_hash: KeysHash::new([7; 32]), tags: SheetTags::default() };
        self.send_sheet(id, liar, &nothing).await?;
        self.say(format!("  {} lies in seat {}: it saw nothing", liar.holder, liar.seat));
        self.hold_provers("CONT").await?;
        let round = self.await_round(id).await?;
        act.judged(&round);
        act.notes.push(format!("round {id}; seat {} lied", liar.seat));
        if round.state != RoundState::Convicted {
            return Err(self.unexpected("the cheat was not convicted", &round));
        }
        let lied = round.seats.iter().find(|seat| seat.seat == liar.seat);
        ensure!(
            lied.is_some_and(|seat| seat.fee == FeeState::Forfeited),
            "the lying seat must get no fee"
        );
        self.wait_for_payouts().await?;
        self.wait_for_fees().await?;
        self.pull(&["reporter", "owner"]).await?;
        self.finish(mark, act).await
    }

    /// Act 5: host C serves another model under its registered address. Its model's owner and one
    /// of the seats frame it; nothing comes of it.
    ///
    /// # Errors
    /// A process dies, a transaction fails, or the host is convicted.
    pub(crate) async fn innocent(&mut self) -> Result<PlayedAct> {
        let mut act = self.start(
            5,
            "an owner and a tester frame an innocent host: the best sheet is struck, nothing moves",
        );
        let mark = self.stage.begin().await?;
        self.pass_a_day().await?;
        let other = local_model::locate(&self.options.other_model)?;
        let uri = self.start_server("serverC", &other).await?;
        self.register(2, "hostC", &uri).await?;
        self.hold_provers("STOP").await?;
        let license = self.licenses[2].clone();
        let id = self.order_round(&license, &uri).await?;
        let hostile = self.tested_seat(id, &license).await?;
        let sheet = self.known_sheet(id, &license, hostile.seat).await?;
        self.send_sheet(id, hostile, &sheet).await?;
        self.say(format!("  {} claims all 8 hits in seat {}", hostile.holder, hostile.seat));
        self.hold_provers("CONT").await?;
        let round = self.await_round(id).await?;
        act.judged(&round);
        act.notes.push(format!("round {id}; seat {} claimed every hit", hostile.seat));
        if round.state != RoundState::Opened {
            return Err(self.unexpected("the innocent host was not acquitted", &round));
        }
        self.wait_for_fees().await?;
        self.finish(mark, act).await
    }

    /// Host B serves its copy without vouchers; the reporter gets the owner's signed seal about it,
    /// checks it and pays for the round.
    ///
    /// # Errors
    /// A transaction that fails, a server that does not start.
    pub async fn seal_cheat(&mut self) -> Result<RoundId> {
        let copy = self.copies[1].clone();
        let uri = self.start_server("serverB", &copy).await?;
        self.register(1, "hostB", &uri).await?;
        let reporter = self.stage.chain("reporter")?;
        let order = RoundOrder {
            license: self.licenses[1].clone(),
            kind: RoundKind::Registered,
            uri: uri.clone(),
            access: None,
            payer: Some(reporter.me()?),
            promise_bps: PROMISE_BPS,
        };
        let config = self.owner_config()?;
        let ordered = round::order(self.stage.chain("owner")?, &config, &order).await?;
        let seal = ordered.seal.ok_or_else(|| eyre!("the owner signed no seal"))?;
        let report = SealReport { seal, uri, access: None };
        let paid = report::pay(reporter, &report).await?;
        if let Some(offer) = &paid.offer {
            self.say(format!(
                "  the reporter checked the owner's seal and paid {} for it; a conviction brings {} \
                 and, as promised, {}",
                offer.fees, offer.gain.share, offer.gain.promised
            ));
        }
        self.say(format!("  round {}", paid.round.round_id));
        Ok(paid.round.round_id)
    }

    /// Orders a round of the owner's node, and waits until it is sealed.
    async fn order_round(&self, license: &LicenseFile, uri: &str) -> Result<RoundId> {
        let owner = self.stage.chain("owner")?;
        let order = RoundOrder {
            license: license.clone(),
            kind: RoundKind::Registered,
            uri: uri.to_owned(),
            access: None,
            payer: None,
            promise_bps: 0,
        };
        let ordered = round::order(owner, &self.owner_config()?, &order).await?;
        let id = ordered.round_id;
        self.until("the owner's node seals the round", async || {
            Ok(round::is_sealed(owner, id).await?)
        })
        .await?;
        self.say(format!("  round {id}, sealed by the owner's node"));
        Ok(id)
    }

    fn owner_config(&self) -> Result<NodeConfig> {
        Ok(NodeConfig::load(&self.stage.dir.join("owner.toml"))?)
    }

    async fn register(&self, number: usize, host: &str, uri: &str) -> Result<()> {
        deployment::register(self.stage.chain(host)?, &self.licenses[number], uri).await?;
        self.say(format!("  {host} registered {uri}"));
        Ok(())
    }

    /// Stops or continues all provers' nodes.
    async fn hold_provers(&mut self, signal: &str) -> Result<()> {
        for name in PROVERS {
            self.stage.processes.signal(name, signal).await?;
        }
        Ok(())
    }

    /// The first seat of a round and who holds it, once it is drawn.
    async fn first_seat(&self, id: RoundId) -> Result<SeatOf> {
        let seats = self.await_draw(id).await?;
        let holder = seats.first().copied().flatten();
        let holder = holder.ok_or_else(|| eyre!("the first seat of round {id} is vacant"))?;
        Ok(SeatOf { seat: 0, holder })
    }

    /// The first seat that gets keys: those of a bundle that was burned on the day of the seal are
    /// known, so nobody is asked them.
    async fn tested_seat(&self, id: RoundId, license: &LicenseFile) -> Result<SeatOf> {
        let seats = self.await_draw(id).await?;
        let bundles = round::drawn_bundles(self.stage.chain("owner")?, license, id).await?;
        let fresh = bundles.iter().position(|drawn| !drawn.burned).unwrap_or_default() * 2;
        let holder = seats.get(fresh).copied().flatten();
        let holder = holder.ok_or_else(|| eyre!("seat {fresh} of round {id} is vacant"))?;
        Ok(SeatOf { seat: u8::try_from(fresh)?, holder })
    }

    /// Lets a day pass where the chain's clock can be turned: only from the next day on nobody
    /// draws what a round has burned.
    async fn pass_a_day(&self) -> Result<()> {
        let now = self.stage.chain("reporter")?.rpc().now().await?;
        match self.options.beacon {
            DemoBeacon::Randao => self.pass(now + DAY).await,
            DemoBeacon::Drand => Ok(()),
        }
    }

    /// Who holds each seat of a round, once it is drawn; none where nobody does.
    ///
    /// # Errors
    /// Network failure, or it is not drawn in time.
    pub async fn await_draw(&self, id: RoundId) -> Result<Vec<Option<&'static str>>> {
        let chain = self.stage.chain("reporter")?;
        round::bring_draw(chain, id, PATIENCE).await?;
        let round = round::standing(chain, id).await?;
        let name = |account| {
            PROVERS.into_iter().find(|name| {
                self.stage.person(name).is_ok_and(|person| person.account.address() == account)
            })
        };
        Ok(round.seats.iter().map(|seat| seat.holder.and_then(name)).collect())
    }

    async fn send_sheet(&self, id: RoundId, seat: SeatOf, sheet: &SheetGiven) -> Result<()> {
        round::answer(self.stage.chain(seat.holder)?, id, seat.seat, sheet).await?;
        Ok(())
    }

    /// The sheet of a seat that knows every answer, as the owner does.
    async fn known_sheet(
        &self,
        id: RoundId,
        license: &LicenseFile,
        seat: u8,
    ) -> Result<SheetGiven> {
        let universe = self.secrets.as_ref().ok_or_else(|| eyre!("there is no universe yet"))?;
        let owner = self.stage.chain("owner")?;
        let draw = universe::license_draw(owner, universe, license).await?;
        let bundles = round::drawn_bundles(owner, license, id).await?;
        let drawn = bundles.get(usize::from(seat / 2));
        let first = drawn.ok_or_else(|| eyre!("nothing is drawn for seat {seat}"))?.bundle * 16
            + u32::from(seat % 2) * 8;
        let (mut keys, mut tags) = ([KeyHash::ZERO; SEAT_KEYS], SheetTags::default());
        for (place, index) in (first..first + 8).enumerate() {
            let answer = universe.answer(&draw, index).ok_or_else(|| eyre!("no leaf {index}"))?;
            keys[place] = hash::key_hash(&answer.key.prompt_text());
            tags.0[place] = answer.candidate.tag();
        }
        Ok(SheetGiven { keys_hash: keys_hash(&keys), tags })
    }

    /// Waits until a round has ended. Once all sheets are there, the rest of the window passes at
    /// once where this chain's clock can be turned.
    ///
    /// # Errors
    /// It does not end within five minutes.
    pub async fn await_round(&self, id: RoundId) -> Result<RoundStanding> {
        let chain = self.stage.chain("reporter")?;
        self.until("all sheets", async || {
            let round = round::standing(chain, id).await?;
            let seats = round.seats.iter();
            let missing = seats.filter(|seat| seat.holder.is_some() && seat.sheet.is_none());
            let over = !matches!(round.state, RoundState::Sealed | RoundState::Answering);
            Ok(missing.count() == 0 || over)
        })
        .await?;
        let round = round::standing(chain, id).await?;
        self.pass(round.answer_until).await?;
        let say = |line: String| self.say(line);
        Ok(round::watch(chain, id, PATIENCE, say).await?)
    }

    /// Sheets that a round has got so far.
    ///
    /// # Errors
    /// Network failure, no such round.
    pub async fn sheets(&self, id: RoundId) -> Result<usize> {
        let round = round::standing(self.stage.chain("reporter")?, id).await?;
        Ok(round.seats.iter().filter(|seat| seat.sheet.is_some()).count())
    }

    /// Lets the chain's time pass `time`: at once where its draws do not depend on another clock.
    async fn pass(&self, time: u64) -> Result<()> {
        let chain = self.stage.chain("reporter")?;
        let now = chain.rpc().now().await?;
        if self.options.beacon == DemoBeacon::Randao && now < time {
            clock::skip(&self.stage.settings.rpc_url, time - now).await?;
        }
        Ok(chain.wait_past(time).await?)
    }

    /// Waits until the provers' nodes have taken out all fees.
    async fn wait_for_fees(&self) -> Result<()> {
        self.until("the provers' nodes take out their fees", async || {
            for name in PROVERS {
                let chain = self.stage.chain(name)?;
                let owed = balance::owed(chain, self.stage.token(), chain.me()?).await?;
                if !owed.seat_fees.is_zero() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    /// Waits for something that the processes of the play bring about.
    async fn until(&self, what: &str, is_so: impl AsyncFn() -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !is_so().await? {
            if start.elapsed() > PATIENCE {
                return Err(fail(
                    format!("{what}: not within {} s", PATIENCE.as_secs()),
                    self.logs(),
                    FailureKind::Timeout,
                )
                .into());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    }

    /// Slashed money is held for a while, so that a wrong slash could be noticed before it is gone.
    pub(super) async fn wait_for_payouts(&self) -> Result<()> {
        let chain = self.stage.chain("reporter")?;
        let until = chain.rpc().now().await? + round::payout_delay(chain).await?;
        Ok(chain.wait_past(until).await?)
    }

    fn logs(&self) -> String {
        format!("logs of all processes are in {}", self.stage.dir.join("logs").display())
    }

    fn unexpected(&self, what: &str, round: &RoundStanding) -> eyre::Report {
        let found = round.outcome.as_ref().map_or_else(
            || "nothing was opened".to_owned(),
            |outcome| format!("{} hits kept", outcome.kept_hits),
        );
        fail(
            format!("{what}: round {}, {found}", round.state.word()),
            self.logs(),
            FailureKind::Failed,
        )
        .into()
    }
}
