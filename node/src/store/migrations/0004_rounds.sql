-- Sealed rounds of sampled testers in place of cases before a committee. Contracts of before belong to
-- other addresses, so nothing of their cases is kept.

DROP TABLE cases;
DROP TABLE case_secrets;
DROP TABLE case_plans;

CREATE TABLE rounds (
    round_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    payer TEXT NOT NULL,
    word TEXT NOT NULL,
    deployment TEXT NOT NULL,
    seats BIGINT NOT NULL,
    beacon_round BIGINT NOT NULL,
    tickets BIGINT NOT NULL,
    answer_until BIGINT NOT NULL,
    open_until BIGINT NOT NULL,
    block BIGINT NOT NULL,
    opened_block BIGINT
);
CREATE INDEX rounds_by_end ON rounds (open_until);

CREATE TABLE hand_outs (
    round_id TEXT NOT NULL,
    seat BIGINT NOT NULL,
    seed TEXT NOT NULL,
    sealed TEXT NOT NULL,
    PRIMARY KEY (round_id, seat, seed)
);

CREATE TABLE sheets (
    round_id TEXT NOT NULL,
    seat BIGINT NOT NULL,
    seed TEXT NOT NULL,
    prover TEXT NOT NULL,
    keys_hash TEXT NOT NULL,
    tags TEXT NOT NULL,
    transcript TEXT NOT NULL,
    settled BIGINT NOT NULL,
    PRIMARY KEY (round_id, seat, seed)
);

CREATE TABLE seal_orders (
    order_id TEXT PRIMARY KEY,
    license_id TEXT NOT NULL,
    word_index BIGINT,
    uri TEXT NOT NULL,
    leak BIGINT NOT NULL,
    access TEXT,
    payer TEXT,
    promise_bps BIGINT NOT NULL,
    UNIQUE (license_id, word_index)
);
