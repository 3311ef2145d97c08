//! What rounds do: sizes, the committee beside them, attacks, collateral, pay.

use std::io::{self, Write};

use oml_contracts::ledger::RoundSize;
use oml_contracts::ledger::plan::{SeatPlan, seat_plan};
use oml_contracts::{Amount, Bps};
use oml_statistics::ledger::committee::{COMMITTEES, committee_row};
use oml_statistics::ledger::games::{
    Bench, HOSTILE, Outcome40, bribed, framed_in_silence, framing_gain, guilty, innocent,
    owner_absent, size_games, unwarned, usual_rules,
};
use oml_statistics::ledger::pay::{CHAINS, Workload, month};

use super::cells::{large, share, shares};

pub(super) fn report(out: &mut impl Write) -> io::Result<bool> {
    sizes(out)?;
    committees(out)?;
    attacks(out)?;
    plans(out)?;
    pay(out)?;
    Ok(true)
}

fn sizes(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "## Rounds: 40 bits, 10 % of the honest seats absent from guilty hosts\n")?;
    writeln!(
        out,
        "| N, c | leaves | framed per round .1 / .2 / .33 | in 64 rounds | bound .1 / .2 / .33 | max collateral in seat fees .1 / .2 / .33 | by single rounds |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let games: Vec<_> =
        [RoundSize::DEMO].into_iter().chain(RoundSize::OFFERED).map(size_games).collect();
    for row in &games {
        writeln!(
            out,
            "| {}, {} | {} | {} | {} | {} | {} | {} |",
            row.size.seats(),
            row.size.struck(),
            row.size.leaves(),
            shares(&row.framed),
            shares(&row.framed_ever),
            shares(&row.bound),
            large(&row.max_collateral),
            large(&row.max_collateral_single)
        )?;
    }
    writeln!(
        out,
        "\n| N, c | convicted in 1 / 5 / 20 rounds, rate .9: nobody hostile | .1 | .2 | .33 | rate .6, nobody hostile |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for row in &games {
        let cells: Vec<String> = row.convicted.iter().map(|within| shares(within)).collect();
        writeln!(
            out,
            "| {}, {} | {} | {} |",
            row.size.seats(),
            row.size.struck(),
            cells.join(" | "),
            shares(&row.convicted_sampling)
        )?;
    }
    Ok(())
}

fn committees(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n## The committee beside as many sampled testers\n")?;
    writeln!(
        out,
        "| N | framed .1 / .2 / .33 | blocked | blind | framed at .33 after 1 / 2 appeals | testers framed | committee, rate .6, 1 / 5 / 20 | testers |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for row in COMMITTEES.into_iter().filter_map(committee_row) {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.members,
            shares(&row.framed),
            shares(&row.blocked),
            shares(&row.blind),
            shares(&row.framed_after_appeals),
            shares(&row.testers_framed),
            shares(&row.sampling),
            shares(&row.testers_sampling)
        )?;
    }
    Ok(())
}

fn outcome(of: Outcome40) -> String {
    format!("{} after {:.1} rounds", share(of.share), of.rounds)
}

fn attacks(out: &mut impl Write) -> io::Result<()> {
    let size = RoundSize::OFFERED[1];
    let served = Bench::served(size);
    writeln!(out, "\n## Attacks: N = 16, c = 9, seat fee 1, collateral 1,000, 40 rounds\n")?;
    writeln!(out, "| attack | result |\n|---|---|")?;
    let mut row =
        |attack: &str, cells: Vec<String>| writeln!(out, "| {attack} | {} |", cells.join(" / "));
    let gains = HOSTILE.map(|b| format!("{:+.2}", framing_gain(size, b, 1_000.0)));
    row("framing, .1 / .2 / .33, owner included: gain of a round", gains.to_vec())?;
    let friends = |b| outcome(guilty(&served.hostile(b)));
    row("friends of the host report nothing, .1 / .2 / .33", HOSTILE.map(friends).to_vec())?;
    for friends in [0.02, 0.05, 0.1, 0.2] {
        let cells = [8, 16, 24].map(|seats| share(unwarned(seats, friends)));
        row(
            &format!("friends {friends} warn the host: P(no warning), N = 8 / 16 / 24"),
            cells.to_vec(),
        )?;
    }
    if let Ok(fifteen) = RoundSize::any(15, 9) {
        let cells = [1, 2, 3, 5].map(|bought| outcome(bribed(fifteen, 0.1, bought)));
        row("1 / 2 / 3 / 5 of 15 seats bought each round, friends .1", cells.to_vec())?;
    }
    let away = |v: f64| Bench { silent: 0.1 + 0.9 * v, ..served.hostile(0.1) };
    row(
        "a quarter / half of the honest seats silent, friends .1",
        [0.25, 0.5].map(|v| outcome(guilty(&away(v)))).to_vec(),
    )?;
    let framed = [0.0, 0.25, 0.5].map(|v| share(framed_in_silence(size, 0.33, v)));
    row("framed at .33 while none / a quarter / half of the honest is silent", framed.to_vec())?;
    row(
        "innocent host, owner drops every bad round: convicted",
        vec![share(innocent(&usual_rules(), size, 40))],
    )?;
    row(
        "owner absent in half of the rounds, friends .1",
        vec![outcome(owner_absent(&served.hostile(0.1), 0.5))],
    )?;
    for junk in [0.1, 0.3] {
        let bench = Bench { silent: 0.1 + junk, ..served };
        let convictions = bench.convictions(&usual_rules(), 20);
        let cells = [1, 5, 20].map(|rounds| share(convictions.within(rounds)));
        row(&format!("junk from {junk} of the honest: convicted in 1 / 5 / 20"), cells.to_vec())?;
    }
    Ok(())
}

fn plans(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n## Which size may stand before which collateral (in seat fees; 40 bits)\n")?;
    writeln!(
        out,
        "| hostile | collateral | N | framed per round | in 64 rounds | max collateral | stands | framing pays from | convicted in 1 / 5 / 20 |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    for (hostile, collateral) in [(1_000, 1_000), (2_000, 100_000), (3_300, 100_000)] {
        let (Ok(hostile), Ok(returned)) = (Bps::new(hostile), Bps::new(8_000)) else { continue };
        let plan = SeatPlan {
            collateral: Amount::new(collateral),
            seat_fee: Amount::new(1),
            hostile,
            returned,
            alpha_inverse: 1 << 40,
            deployments: 1,
            skippable_slots: 0,
        };
        for row in seat_plan(&plan) {
            let from = plan.pays_from(row.size).map_or("never".to_owned(), share);
            writeln!(
                out,
                "| {hostile} | {collateral} | {} | {} | {} | {:.1e} | {} | {from} | {} |",
                row.size.seats(),
                share(row.framed_per_round),
                share(row.framed_ever),
                row.max_collateral,
                row.stands,
                shares(&row.convicted)
            )?;
        }
    }
    Ok(())
}

fn pay(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n## A prover with 2 % of the tickets (8 of 400), by month, in dollars\n")?;
    writeln!(
        out,
        "| chain | rounds a month, N | seats | fees | gas | queries | left, of the stake | pays below (gwei) |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for prices in &CHAINS {
        for (rounds, seats) in [(10.0, 16.0), (100.0, 16.0), (100.0, 32.0)] {
            let work = Workload { rounds, seats, tickets: 8.0, all_tickets: 400.0 };
            let month = month(prices, &work);
            writeln!(
                out,
                "| {} | {rounds}, {seats} | {:.1} | {:.2} | {:.4} | {:.4} | {:.1} % | {:.1} |",
                prices.chain,
                month.seats,
                month.earned,
                month.gas,
                month.queries,
                100.0 * month.yield_on_stake,
                month.break_even_gwei
            )?;
        }
    }
    Ok(())
}
