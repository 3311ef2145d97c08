//! The schema's history. Both engines read the same SQL.
//!
//! The files are embedded by hand: sqlx's macro would build its database drivers a second time, for
//! the machine that compiles.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use std::borrow::Cow;

/// Versions are counted up and never edited: the store refuses a file that changed after it had
/// run.
const FILES: [(i64, &str, &str); 4] = [
    (1, "init", include_str!("migrations/0001_init.sql")),
    (2, "closes", include_str!("migrations/0002_closes.sql")),
    (3, "key epochs", include_str!("migrations/0003_key_epochs.sql")),
    (4, "rounds", include_str!("migrations/0004_rounds.sql")),
];

/// Brings a store of any earlier version up to date.
pub(super) fn migrator() -> Migrator {
    let migration = |(version, description, sql): (i64, &'static str, &'static str)| {
        let description = Cow::Borrowed(description);
        Migration::new(version, description, MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(FILES.map(migration).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{PaidRow, ReceiptRow, Store};
    use oml_contracts::{Amount, ChannelId, LicenseId, Receipt};
    use sqlx::SqlitePool;

    /// A receipt as stores kept it before epochs, when its number was that of its request.
    fn old_receipt(channel: ChannelId, number: u64) -> [String; 5] {
        let license = LicenseId::new([2; 32]).to_string();
        let zero = format!("0x{}", "00".repeat(32));
        let json = format!(
            r#"{{"licenseId":"{license}","channelId":"{channel}","seq":{number},"cumulativeRequests":{number},"cumulativeTokens":9,"servedAt":5,"requestHash":"{zero}","responseHash":"{zero}"}}"#
        );
        let signature = format!("0x{}", "07".repeat(65));
        [license, channel.to_string(), format!("{number:020}"), json, signature]
    }

    #[tokio::test]
    async fn receipts_of_before_epochs_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("old.db").display());
        let pool = SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
        let (version, description, sql) = FILES[0];
        let kind = MigrationType::Simple;
        let first = Migration::new(version, description.into(), kind, sql.into_sql_str(), false);
        Migrator::with_migrations(vec![first]).run(&pool).await.unwrap();
        let channel = ChannelId::new([1; 32]);
        for number in [2, 10, 9] {
            let mut insert = sqlx::query("INSERT INTO receipts VALUES ($1, $2, $3, $4, $5)");
            for value in old_receipt(channel, number) {
                insert = insert.bind(value);
            }
            insert.execute(&pool).await.unwrap();
        }
        pool.close().await;

        let store = Store::open(&url).await.unwrap();
        let newest = store.newest_receipt(channel).await.unwrap().unwrap();
        let unpaid = store.first_unpaid(channel, Amount::ZERO).await.unwrap().unwrap();
        for (kept, number) in [(&newest, 10), (&unpaid, 2)] {
            assert_eq!((kept.receipt.seq, kept.receipt.cumulative_requests), (number, number));
            assert_eq!((kept.receipt.key_epoch, &kept.signature), (0, &vec![7; 65]));
        }
        let middle = Receipt { seq: 9, cumulative_requests: 9, ..newest.receipt };
        for receipt in [newest.receipt, middle] {
            let again = PaidRow::Receipt(ReceiptRow { receipt, signature: vec![7; 65] });
            let kept = store.keep_paid(&[again]).await.unwrap();
            assert_eq!(kept, [false], "numbers and requests are taken");
        }
    }
}
