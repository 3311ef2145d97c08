-- Numbers of receipts are those of a serving key's epoch and have gaps; requests are counted apart.
-- Before, the number of a receipt was that of its request, and all keys were of epoch 0.

ALTER TABLE receipts RENAME TO receipts_before_epochs;
DROP INDEX receipts_by_channel;

CREATE TABLE receipts (
    license_id TEXT NOT NULL,
    key_epoch BIGINT NOT NULL,
    channel_id TEXT NOT NULL,
    seq TEXT NOT NULL,
    requests TEXT NOT NULL,
    receipt TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (license_id, key_epoch, channel_id, seq)
);
-- One receipt a request: a second one would charge it twice.
CREATE UNIQUE INDEX receipts_by_request ON receipts (channel_id, license_id, requests);
CREATE INDEX receipts_by_count ON receipts (channel_id, requests);

INSERT INTO receipts (license_id, key_epoch, channel_id, seq, requests, receipt, signature)
    SELECT license_id, 0, channel_id, seq, seq,
        REPLACE(receipt, '"channelId"', '"keyEpoch":0,"channelId"'), signature
    FROM receipts_before_epochs;
DROP TABLE receipts_before_epochs;
