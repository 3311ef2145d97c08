//! Where the key of an account comes from: a keystore as `cast` writes it, a raw key, a mnemonic.

use crate::error::{FailureKind, HintExt, Result, fail};
use crate::keystore::{self, ReadableKeystore};
use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use k256::ecdsa::SigningKey;
use oml_contracts::EthAddress;
use oml_node::config::PrivateKeySource;
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

    /// The account that a node's configuration names.
    ///
    /// # Errors
    /// An unreadable keystore or file, a wrong password, a malformed key, or no key named.
    pub fn of_source(source: &PrivateKeySource) -> Result<Self> {
        let private_key = match (&source.private_key_env, &source.private_key_file) {
            (Some(name), _) => Some(std::env::var(name).hint(
                format!("environment variable {name} holds no key"),
                "set it to the key as hex, as for the node",
                FailureKind::Signer,
            )?),
            (None, Some(path)) => {
                Some(String::from_utf8_lossy(&crate::files::read(path)?).into_owned())
            }
            (None, None) => None,
        };
        let options = SignerOptions {
            keystore: source.keystore.clone(),
            password_file: source.password_file.clone(),
            private_key,
            ..SignerOptions::default()
        };
        options.load(|_| Err(std::io::Error::other("a node's keystore needs a password_file")))
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

    /// The key itself, which signs vouchers and closes.
    #[must_use]
    pub fn key(&self) -> SigningKey {
        self.0.credential().clone()
    }

    /// The private key as hex, as a node's key file holds it.
    #[must_use]
    pub fn private_key(&self) -> String {
        self.0.to_bytes().to_string()
    }

    /// What signs transactions.
    pub(crate) const fn signer(&self) -> &PrivateKeySigner {
        &self.0
    }
}

/// What names the signing account. A raw key wins over a mnemonic, and that over a keystore.
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
}

impl fmt::Debug for SignerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerOptions")
            .field("keystore", &self.keystore)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

const HOW: &str = "name a keystore with --account NAME or --keystore FILE (make one with `cast wallet import`), \
                   or on a local chain use --private-key";

impl SignerOptions {
    /// The account that the options name; `ask` asks a person for a keystore's password.
    ///
    /// # Errors
    /// No account named, an unreadable keystore, a wrong password, a malformed key.
    pub fn load(
        &self,
        ask: impl FnOnce(&str) -> std::io::Result<String>,
    ) -> Result<SigningAccount> {
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
        let keystore = ReadableKeystore::of(&path)?;
        PrivateKeySigner::decrypt_keystore(keystore.path(), password).map(SigningAccount).hint(
            format!("keystore {} could not be opened: its password is another one", path.display()),
            "check the password (--password-file FILE): blanks count, and letters with accents have \
             two spellings in Unicode",
            FailureKind::Signer,
        )
    }

    /// Whether an account is named at all.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        self.keystore.is_some()
            || self.account.is_some()
            || self.private_key.is_some()
            || self.mnemonic.is_some()
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
            return keystore::read_password(file);
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
