-- One dialect for SQLite and PostgreSQL: only BIGINT and TEXT. Hashes and bytes are 0x-hex, money is
-- decimal padded with zeros to 39 digits and 64-bit counters of others to 20, so that text order is
-- numeric order.

CREATE TABLE window_blocks (
    number BIGINT PRIMARY KEY,
    hash TEXT NOT NULL,
    timestamp BIGINT NOT NULL
);

CREATE TABLE events (
    block BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    tx_hash TEXT NOT NULL,
    contract TEXT NOT NULL,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    topics TEXT NOT NULL,
    data TEXT NOT NULL,
    timestamp BIGINT NOT NULL,
    PRIMARY KEY (block, log_index)
);
CREATE INDEX events_by_subject ON events (subject, name, block);

CREATE TABLE offers (
    offer_id TEXT PRIMARY KEY,
    model_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    terms TEXT NOT NULL,
    block BIGINT NOT NULL,
    withdrawn_block BIGINT
);
CREATE INDEX offers_by_model ON offers (model_id);

CREATE TABLE licenses (
    license_id TEXT PRIMARY KEY,
    offer_id TEXT NOT NULL,
    host TEXT NOT NULL,
    nonce TEXT NOT NULL,
    serving_key TEXT NOT NULL,
    block BIGINT NOT NULL
);
CREATE INDEX licenses_by_host ON licenses (host);
CREATE INDEX licenses_by_offer ON licenses (offer_id);

CREATE TABLE deployments (
    license_id TEXT NOT NULL,
    deployment TEXT NOT NULL,
    uri TEXT NOT NULL,
    block BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    retired_block BIGINT,
    PRIMARY KEY (license_id, deployment, block, log_index)
);

CREATE TABLE universes (
    model_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    root TEXT NOT NULL,
    block BIGINT NOT NULL,
    PRIMARY KEY (model_id, epoch)
);

CREATE TABLE cases (
    case_id TEXT PRIMARY KEY,
    license_id TEXT NOT NULL,
    deployment TEXT NOT NULL,
    reporter TEXT NOT NULL,
    block BIGINT NOT NULL,
    resolved_block BIGINT
);
CREATE INDEX cases_by_license ON cases (license_id);

CREATE TABLE channels (
    channel_id TEXT PRIMARY KEY,
    license_id TEXT NOT NULL,
    payer TEXT NOT NULL,
    signer TEXT NOT NULL,
    salt TEXT NOT NULL,
    block BIGINT NOT NULL,
    thawing_block BIGINT
);
CREATE INDEX channels_by_license ON channels (license_id);

CREATE TABLE jobs (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    run_after BIGINT NOT NULL,
    last_error TEXT,
    PRIMARY KEY (kind, key)
);
CREATE INDEX jobs_due ON jobs (kind, state, run_after);

CREATE TABLE intents (
    key TEXT PRIMARY KEY,
    sender TEXT NOT NULL,
    target TEXT NOT NULL,
    calldata TEXT NOT NULL,
    value TEXT NOT NULL,
    describe TEXT NOT NULL,
    deadline BIGINT,
    state TEXT NOT NULL,
    nonce BIGINT NOT NULL,
    tx_hash TEXT,
    block BIGINT,
    succeeded BIGINT,
    error TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX intents_by_state ON intents (sender, state, nonce);

CREATE TABLE attempts (
    tx_hash TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    raw TEXT NOT NULL,
    max_fee TEXT NOT NULL,
    tip TEXT NOT NULL,
    cancels BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX attempts_by_key ON attempts (key, seq);

CREATE TABLE case_secrets (
    case_id TEXT NOT NULL,
    prover TEXT NOT NULL,
    tags TEXT NOT NULL,
    salt TEXT NOT NULL,
    transcript TEXT NOT NULL,
    PRIMARY KEY (case_id, prover)
);

CREATE TABLE case_plans (
    case_id TEXT PRIMARY KEY,
    plan TEXT NOT NULL
);

CREATE TABLE vouchers (
    channel_id TEXT NOT NULL,
    cumulative_requests TEXT NOT NULL,
    license_id TEXT NOT NULL,
    payer TEXT NOT NULL,
    signer TEXT NOT NULL,
    salt TEXT NOT NULL,
    cumulative_amount TEXT NOT NULL,
    cumulative_tokens TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    signature TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    -- A request that failed is asked again with the same count, so several vouchers may have it.
    attempt BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, cumulative_requests, attempt)
);
CREATE INDEX vouchers_by_request ON vouchers (license_id, request_hash);

CREATE TABLE receipts (
    license_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    seq TEXT NOT NULL,
    receipt TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (license_id, channel_id, seq)
);
CREATE INDEX receipts_by_channel ON receipts (channel_id, seq);

CREATE TABLE kv (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);
