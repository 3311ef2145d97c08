//! The e-value of single series of answers, as judges off chain weigh them.

use std::io::{self, Write};

use num_bigint::BigUint;
use oml_contracts::evidence::{EvidenceTerms, threshold};
use oml_statistics::exact::{adaptive, both_parts, least_hits, many_cases, one_look, stopped};
use oml_statistics::simulate::{self, Rate, Trials};
use oml_statistics::{Counting, Dyadic, Null, sets};

const LONGEST: u32 = 64;

/// Prints every figure; whether every bound holds.
///
/// # Errors
/// The output can't be written.
pub(super) fn report(
    out: &mut impl Write,
    trials: u64,
) -> Result<bool, Box<dyn std::error::Error>> {
    let exact = enumerated(out)?;
    let counted = counted(out)?;
    let simulated = simulated(out, trials)?;
    Ok(exact && counted && simulated)
}

fn enumerated(out: &mut impl Write) -> Result<bool, Box<dyn std::error::Error>> {
    writeln!(out, "## Exact: P(false verdict) for all n up to {LONGEST}\n")?;
    writeln!(
        out,
        "| set | alpha | part | hits of 32 | one look, n = 32 | worst n | stopping at will | ok |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    let mut holds = true;
    for set in sets::shipped()? {
        let inverse = BigUint::from(set.terms.alpha_inverse);
        let limit = threshold(set.terms.alpha_inverse, 1, 1);
        let alpha = 1.0 / set.terms.alpha_inverse as f64;
        for (part, null) in
            [("personal", Null::personal(&set.terms)), ("shared", Null::shared(&set.terms))]
        {
            let looks: Vec<Dyadic> = (1..=LONGEST).map(|n| one_look(null, n, limit)).collect();
            let worst = largest(&looks);
            let ever = stopped(null, LONGEST, limit);
            let ok = looks.iter().chain([&ever]).all(|p| p.at_most_inverse(&inverse));
            holds &= ok;
            let hits = least_hits(null, 32, limit).map_or("–".to_owned(), |k| k.to_string());
            let at_32 = &looks[31];
            writeln!(
                out,
                "| {} | {alpha:.0e} | {part} | {hits} | {at_32} | {worst} | {ever} | {ok} |",
                set.name
            )?;
        }
        let both = (0..=LONGEST)
            .flat_map(|n| (0..=LONGEST - n).map(move |m| (n, m)))
            .map(|(n, m)| both_parts(&set.terms, n, m, limit));
        let both: Vec<Dyadic> = both.collect();
        let any = adaptive(&set.terms, LONGEST, limit);
        let ok = both.iter().chain([&any]).all(|p| p.at_most_inverse(&inverse));
        holds &= ok;
        let worst = largest(&both);
        writeln!(
            out,
            "| {} | {alpha:.0e} | both, order at will | | | {worst} | {any} | {ok} |",
            set.name
        )?;
    }
    Ok(holds)
}

fn largest(all: &[Dyadic]) -> Dyadic {
    all.iter().fold(Dyadic::zero(), |most, p| if p.exceeds(&most) { p.clone() } else { most })
}

fn counted(out: &mut impl Write) -> Result<bool, Box<dyn std::error::Error>> {
    writeln!(
        out,
        "\n## Exact, many cases of 32 fingerprints against one innocent: sum of P / alpha\n"
    )?;
    writeln!(out, "| set | alpha | cases | threshold with c | with c·(c+1) | H_c |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    let mut holds = true;
    for set in sets::shipped()? {
        for inverse in [100, set.terms.alpha_inverse] {
            let terms = sets::at(set.terms, inverse);
            for cases in [64, 1024] {
                let ratio =
                    |counting| many_cases(&terms, 32, cases, counting).to_f64() * inverse as f64;
                let (plain, paid) = (ratio(Counting::Cases), ratio(Counting::CasesTimesNext));
                holds &= plain <= 1.0 && paid <= 1.0;
                let harmonic: f64 = (1..=cases).map(|c| 1.0 / f64::from(c)).sum();
                writeln!(
                    out,
                    "| {} | {:.0e} | {cases} | {plain:.3} | {paid:.3} | {harmonic:.2} |",
                    set.name,
                    1.0 / inverse as f64
                )?;
            }
        }
    }
    Ok(holds)
}

fn simulated(out: &mut impl Write, trials: u64) -> Result<bool, Box<dyn std::error::Error>> {
    writeln!(out, "\n## Simulated, {trials} trials each\n")?;
    writeln!(out, "| attack | n | alpha | false verdicts | rate | |\n|---|---|---|---|---|---|")?;
    let mut holds = true;
    for (inverse, rate, n) in sets::SHARPEST {
        let terms = sets::tuned(rate, inverse)?;
        let alpha = 1.0 / inverse as f64;
        let plan = |seed| Trials { trials, seed };
        let mut row = |attack: &str, rate: Rate, note: &str, bound: bool| -> io::Result<()> {
            holds &= !bound || rate.share() <= alpha;
            let (accused, share) = (rate.accused, rate.share());
            writeln!(out, "| {attack} | {n} | {alpha:.0e} | {accused} | {share:.2e} | {note} |")
        };
        let ground = simulate::grinding(&terms, n, 4, plan(inverse));
        let exact = format!("exact {:.2e}", ground.exact);
        row("owner grinds 4 roots before the draw", ground.before, &exact, true)?;
        row(
            "the same, choosing after the draw",
            ground.after,
            "no protocol; shows the power",
            false,
        )?;
        let [none, plain, paid] = simulate::many_cases(&terms, n, 64, plan(inverse + 1));
        row("64 cases, not counted", none, "no protocol; shows the power", false)?;
        row("64 cases, threshold with c", plain, "", true)?;
        row("64 cases, threshold with c·(c+1)", paid, "", true)?;
        let framed = simulate::coalition(&terms, n, 4, plan(inverse + 2));
        row("coalition of 4: random member, both parts", framed.random, "", true)?;
        row("coalition of 4: majority", framed.majority, "", true)?;
        row("coalition of 4: suppresses disagreement", framed.suppressing, "", true)?;
    }
    let found = simulate::duplicates(Trials { trials, seed: 5 });
    holds &= found.accepted == 0 && found.most_per_leaf == 1;
    writeln!(
        out,
        "\nDuplicate candidates: {} leaves with 1 to 16 copies of the victim's answer, {} with a repeat accepted (without the rule {:.3} of the draws would hit); an accepted leaf holds it {} time.",
        found.leaves,
        found.accepted,
        found.hits_without_rule as f64 / found.leaves as f64,
        found.most_per_leaf
    )?;
    informed(out, sets::shipped()?[0].terms, trials)?;
    Ok(holds)
}

fn informed(out: &mut impl Write, terms: EvidenceTerms, trials: u64) -> io::Result<()> {
    writeln!(
        out,
        "\n## Coalitions that compare their answers (unregistered deployments only), 32 leaves, alpha 1e-9\n"
    )?;
    writeln!(out, "| members | hit rate of a license without part | accused |\n|---|---|---|")?;
    for members in [1, 4, 8, 12, 16] {
        let plan = Trials { trials: (trials / 100).max(100), seed: 9 };
        let (rate, hit) = simulate::informed_coalition(&terms, 32, members, plan);
        writeln!(out, "| {members} | {hit:.3} | {:.3} |", rate.share())?;
    }
    Ok(())
}
