-- Closes that this host has signed: from then on nothing is served on the channel. Our own words, so
-- no reorg takes them back.
CREATE TABLE signed_closes (
    channel_id TEXT PRIMARY KEY,
    deposited TEXT NOT NULL,
    final_amount TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);

ALTER TABLE channels ADD COLUMN closed_block BIGINT;
