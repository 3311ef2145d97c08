//! What a prover earns against what its gas and queries cost.

/// Where a round is decided, in money: inputs, none of them measured here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// Name of the chain and its price of gas.
    pub chain: &'static str,
    /// Fee of a seat in dollars.
    pub seat_fee: f64,
    /// Stake of a ticket in dollars.
    pub ticket: f64,
    /// Gas of one answer.
    pub answer_gas: f64,
    /// Price of gas in gwei.
    pub gwei: f64,
    /// Dollars for one ether.
    pub ether: f64,
    /// Dollars for one query, if the deployment were paid for it; testers ask as strangers who
    /// never pay, so this is the price of a connection.
    pub query: f64,
}

/// Gas of one answer with its fee: 47,918 of the answer, as its gas test measures it, and a
/// sixteenth of the 36,638 for which a prover takes out its fees.
pub const ANSWER_GAS: f64 = 50_208.0;

/// Queries of a seat.
const QUERIES: f64 = 8.0;

/// The two kinds of chains that parameters are recommended for.
pub const CHAINS: [Prices; 2] = [
    Prices {
        chain: "L2, 0.02 gwei",
        seat_fee: 1.0,
        ticket: 100.0,
        answer_gas: ANSWER_GAS,
        gwei: 0.02,
        ether: 3_000.0,
        query: 0.000_1,
    },
    Prices {
        chain: "L1, 10 gwei",
        seat_fee: 5.0,
        ticket: 500.0,
        answer_gas: ANSWER_GAS,
        gwei: 10.0,
        ether: 3_000.0,
        query: 0.000_1,
    },
];

/// How much a prover has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    /// Rounds in a month, of all owners.
    pub rounds: f64,
    /// Seats of each.
    pub seats: f64,
    /// Tickets of the prover.
    pub tickets: f64,
    /// Tickets of all provers.
    pub all_tickets: f64,
}

/// One month of a prover, in dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProverMonth {
    /// Seats it sits in.
    pub seats: f64,
    /// Fees of those seats.
    pub earned: f64,
    /// Gas of its answers.
    pub gas: f64,
    /// Price of its queries.
    pub queries: f64,
    /// What is left, as a share of its stake.
    pub yield_on_stake: f64,
    /// The price of gas, in gwei, at which the fee of a seat only just pays for its answer.
    pub break_even_gwei: f64,
}

/// What a prover earns in a month.
#[must_use]
pub fn month(prices: &Prices, work: &Workload) -> ProverMonth {
    let seats = work.rounds * work.seats * work.tickets / work.all_tickets;
    let per_answer = prices.answer_gas * prices.gwei * 1e-9 * prices.ether;
    let queries = QUERIES * prices.query;
    let (earned, gas) = (seats * prices.seat_fee, seats * per_answer);
    let left = earned - gas - seats * queries;
    ProverMonth {
        seats,
        earned,
        gas,
        queries: seats * queries,
        yield_on_stake: left / (work.tickets * prices.ticket),
        break_even_gwei: (prices.seat_fee - queries) / (prices.answer_gas * 1e-9 * prices.ether),
    }
}
