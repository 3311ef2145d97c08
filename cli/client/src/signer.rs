//! Where the key of an account comes from: a keystore as `cast` writes it, a raw key, a mnemonic,
//! or a cloud that holds it and signs.

use crate::error::{ClientError, FailureKind, HintExt, Result, fail};
use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use oml_contracts::EthAddress;
use oml_node::chain::{AccountError, AccountSigner, KeystoreError, open_keystore, read_password};
use oml_node::config::{PrivateKeySource, RemoteKey};
use std::fmt;
use std::path::{Path, PathBuf};

/// An account whose key is at hand.
#[derive(Clone, Debug)]
pub struct SigningAccount(PrivateKeySigner);

impl SigningAccount {
    /// Account `index` of a BIP-39 mnemonic, under Ethereum's usual path.
    ///
    /// # Errors
    /// Not a mnemonic.
    pub fn of_mnemonic(words: &str, index: u32) -> Result<Self> {
        let builder = MnemonicBuilder::<English>::default().phrase(words).index(index);
        let signer = builder.and_then(|b| b.build()).hint(
            "--mnemonic is not a BIP-39 mnemonic",
            "give 12 to 24 words",
            FailureKind::Signer,
        )?;
        Ok(Self(signer))
    }

    /// A new account, from the operating system's generator.
    #[must_use]
    pub fn random() -> Self {
        Self(PrivateKeySigner::random())
    }

    /// The account's address.
    #[must_use]
    pub fn address(&self) -> EthAddress {
        self.0.address().into()
    }

    /// The private key as hex, as a node's key file holds it.
    #[must_use]
    pub fn private_key(&self) -> String {
        self.0.to_bytes().to_string()
    }
}

impl From<SigningAccount> for AccountSigner {
    fn from(account: SigningAccount) -> Self {
        account.0.into()
    }
}

/// The account that a node's configuration names.
///
/// # Errors
/// An unreadable keystore or file, a wrong password, a malformed key, no key named, or one that a
/// cloud holds and that can't be used.
pub async fn of_source(source: &PrivateKeySource) -> Result<AccountSigner> {
    AccountSigner::of_source(source).await.hint(
        "the node's account can't be had",
        "check the section of the configuration that names its key",
        FailureKind::Signer,
    )
}

/// What names the signing account: one of keystore, account, private key, mnemonic and remote key.
#[derive(Clone, Default)]
pub struct SignerOptions {
    /// Encrypted keystore file (JSON, as Foundry and geth write it).
    pub keystore: Option<PathBuf>,
    /// Name of a keystore in `~/.foundry/keystores`.
    pub account: Option<String>,
    /// File that holds the keystore's password.
    pub password_file: Option<PathBuf>,
    /// The keystore's password itself.
    pub password: Option<String>,
    /// Raw private key as hex; only for local chains.
    pub private_key: Option<String>,
    /// BIP-39 mnemonic; only for local chains.
    pub mnemonic: Option<String>,
    /// Which account of the mnemonic.
    pub mnemonic_index: u32,
    /// Key that a cloud holds, as `aws:…` or `gcp:…`.
    pub remote: Option<String>,
}

impl fmt::Debug for SignerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerOptions")
            .field("keystore", &self.keystore)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

const HOW: &str = "name a keystore with --account NAME or --keystore FILE (make one with `cast \
                   wallet import`), or a cloud's key with --signer, or on a local chain use \
                   --private-key";

impl SignerOptions {
    /// The account that the options name, wherever its key is; `ask` asks a person for a keystore's
    /// password.
    ///
    /// # Errors
    /// As [`Self::load`], or a cloud that does not let the key be used.
    pub async fn account(
        &self,
        ask: impl FnOnce(&str) -> std::io::Result<String>,
    ) -> Result<AccountSigner> {
        self.refuse_several()?;
        let Some(text) = &self.remote else { return Ok(self.load(ask)?.into()) };
        let key: RemoteKey = text.parse().hint(
            "--signer (OML_SIGNER) names no key",
            "the cause says what is wrong with it; see docs/cli.md under Remote signers",
            FailureKind::Signer,
        )?;
        let connected = AccountSigner::remote(&key).await;
        let hint = match &connected {
            Err(AccountError::NotBuilt { .. }) => "or sign with a keystore (--account, --keystore)",
            _ => "see docs/cli.md under Remote signers for what it needs",
        };
        connected.hint(format!("{key} can't sign"), hint, FailureKind::Signer)
    }

    /// The account that the options name, whose key must be at hand; `ask` asks a person for a
    /// keystore's password.
    ///
    /// # Errors
    /// No account named, or several; an unreadable keystore, a wrong password, a malformed key.
    pub fn load(
        &self,
        ask: impl FnOnce(&str) -> std::io::Result<String>,
    ) -> Result<SigningAccount> {
        self.refuse_several()?;
        if let Some(key) = &self.private_key {
            return key.trim().parse().map(SigningAccount).hint(
                "--private-key is not a private key",
                "give 32 bytes as hex",
                FailureKind::Signer,
            );
        }
        if let Some(words) = &self.mnemonic {
            return SigningAccount::of_mnemonic(words, self.mnemonic_index);
        }
        let path = self.keystore_path()?;
        if !path.is_file() {
            let state = if path.is_dir() { "is a directory" } else { "does not exist" };
            let message = format!("keystore {} {state}", path.display());
            return Err(fail(message, HOW, FailureKind::Signer));
        }
        let password = self.password(&path, ask)?;
        open_keystore(&path, &password).map(SigningAccount).map_err(not_opened)
    }

    /// Whether an account is named at all.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.named().is_empty()
    }

    /// What names an account, as flag and variable.
    fn named(&self) -> Vec<&'static str> {
        [
            ("--signer (OML_SIGNER)", self.remote.is_some()),
            ("--private-key (OML_PRIVATE_KEY)", self.private_key.is_some()),
            ("--mnemonic (OML_MNEMONIC)", self.mnemonic.is_some()),
            ("--keystore (ETH_KEYSTORE)", self.keystore.is_some()),
            ("--account (ETH_KEYSTORE_ACCOUNT)", self.account.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }

    /// Which of two accounts would sign is nothing to guess.
    fn refuse_several(&self) -> Result<()> {
        let named = self.named();
        if named.len() < 2 {
            return Ok(());
        }
        Err(fail(
            format!("{} each name an account", named.join(" and ")),
            "give one of them; a variable that is set counts, so unset the others",
            FailureKind::Signer,
        ))
    }

    fn keystore_path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.keystore {
            return Ok(path.clone());
        }
        let missing = |what: &str| fail(what, HOW, FailureKind::Signer);
        let name = self.account.as_deref().ok_or_else(|| missing("no signer given"))?;
        let home = std::env::home_dir().ok_or_else(|| missing("no home directory"))?;
        Ok(home.join(".foundry/keystores").join(name))
    }

    fn password(
        &self,
        path: &Path,
        ask: impl FnOnce(&str) -> std::io::Result<String>,
    ) -> Result<String> {
        if let Some(file) = &self.password_file {
            let password = read_password(file).map_err(not_opened)?;
            return Ok(password.as_str().to_owned());
        }
        if let Some(password) = &self.password {
            return Ok(password.clone());
        }
        ask(&format!("password of {}: ", path.display())).hint(
            "no password given",
            "use --password-file FILE where nobody can type",
            FailureKind::Signer,
        )
    }
}

/// Why a keystore does not open, for people.
fn not_opened(error: KeystoreError) -> ClientError {
    let hint = match &error {
        KeystoreError::OtherPassword { .. } => {
            "check the password (--password-file FILE): blanks count, and letters with accents have \
             two spellings in Unicode"
        }
        KeystoreError::NotUtf8 { .. } => {
            "save it as UTF-8; in another encoding its bytes are another password"
        }
        KeystoreError::Unusable { .. } => {
            "it must be a keystore of an account, as `cast wallet import` and geth write it"
        }
        _ => "check the path and its permissions",
    };
    fail(error.to_string(), hint, FailureKind::Signer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn refusal(options: &SignerOptions) -> String {
        options.load(|_| unreachable!("nothing asks")).unwrap_err().to_string()
    }

    #[test]
    fn several_accounts_are_refused_by_name() {
        let remote = Some("aws:alias/oml".to_owned());
        let both =
            SignerOptions { remote, private_key: Some(KEY.to_owned()), ..SignerOptions::default() };
        let text = refusal(&both);
        assert!(
            text.contains("--signer (OML_SIGNER) and --private-key (OML_PRIVATE_KEY) each name"),
            "{text}"
        );
        let stores = SignerOptions {
            keystore: Some("k".into()),
            account: Some("a".to_owned()),
            ..SignerOptions::default()
        };
        assert!(refusal(&stores).contains("--keystore (ETH_KEYSTORE) and --account"));
        let one = SignerOptions { private_key: Some(KEY.to_owned()), ..SignerOptions::default() };
        assert!(one.load(|_| unreachable!("nothing asks")).is_ok());
    }
}
