//! Where the CLI's signing key comes from: the flags, environment names and keystore folder of `cast`.

use crate::error::{Exit, HintExt, fail};
use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use clap::Args;
use eyre::Result;
use std::path::PathBuf;

/// Signer flags, the same as `cast`'s.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Signer")]
pub(crate) struct SignerArgs {
    /// Encrypted keystore file (JSON, as Foundry and geth write it)
    #[arg(long, env = "ETH_KEYSTORE", value_name = "FILE", global = true)]
    keystore: Option<PathBuf>,
    /// Name of a keystore in ~/.foundry/keystores
    #[arg(long, env = "ETH_KEYSTORE_ACCOUNT", value_name = "NAME", global = true)]
    account: Option<String>,
    /// File holding the keystore's password
    #[arg(long, env = "ETH_PASSWORD", value_name = "FILE", global = true)]
    password_file: Option<PathBuf>,
    /// The keystore's password; other users of this machine can see it, prefer --password-file
    #[arg(
        long,
        env = "OML_UNSAFE_PASSWORD",
        hide_env_values = true,
        value_name = "TEXT",
        global = true
    )]
    unsafe_password: Option<String>,
    /// Raw private key; only for local chains
    #[arg(
        long,
        env = "OML_PRIVATE_KEY",
        hide_env_values = true,
        value_name = "HEX",
        global = true
    )]
    private_key: Option<String>,
    /// BIP-39 mnemonic; only for local chains
    #[arg(long, env = "OML_MNEMONIC", hide_env_values = true, value_name = "WORDS", global = true)]
    mnemonic: Option<String>,
    /// Which account of the mnemonic
    #[arg(long, default_value_t = 0, value_name = "N", global = true)]
    mnemonic_index: u32,
}

const HOW: &str = "name a keystore with --account NAME or --keystore FILE (make one with `cast wallet import`), \
                   or on a local chain use --private-key";

impl SignerArgs {
    /// The signer that the flags name.
    ///
    /// # Errors
    /// No flag given, an unreadable keystore, a wrong password, a malformed key.
    pub(crate) fn load(&self) -> Result<PrivateKeySigner> {
        if let Some(key) = &self.private_key {
            return key.trim().parse().hint(
                "--private-key is not a private key",
                "give 32 bytes as hex",
                Exit::Signer,
            );
        }
        if let Some(words) = &self.mnemonic {
            return of_mnemonic(words, self.mnemonic_index);
        }
        let path = self.keystore_path()?;
        if !path.is_file() {
            return Err(fail(
                format!("keystore {} does not exist", path.display()),
                HOW,
                Exit::Signer,
            ));
        }
        let password = self.password(&path)?;
        PrivateKeySigner::decrypt_keystore(&path, password).hint(
            format!("keystore {} could not be opened", path.display()),
            "check the password (--password-file FILE) and that the file is a Foundry or geth keystore",
            Exit::Signer,
        )
    }

    /// Whether any flag or variable names a signer.
    pub(crate) const fn is_given(&self) -> bool {
        self.keystore.is_some()
            || self.account.is_some()
            || self.private_key.is_some()
            || self.mnemonic.is_some()
    }

    fn keystore_path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.keystore {
            return Ok(path.clone());
        }
        let name =
            self.account.as_deref().ok_or_else(|| fail("no signer given", HOW, Exit::Signer))?;
        let home =
            std::env::home_dir().ok_or_else(|| fail("no home directory", HOW, Exit::Signer))?;
        Ok(home.join(".foundry/keystores").join(name))
    }

    fn password(&self, path: &std::path::Path) -> Result<String> {
        if let Some(file) = &self.password_file {
            let text = std::fs::read_to_string(file).hint(
                format!("password file {} could not be read", file.display()),
                "check the path and its permissions",
                Exit::Signer,
            )?;
            return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
        }
        if let Some(password) = &self.unsafe_password {
            return Ok(password.clone());
        }
        rpassword::prompt_password(format!("password of {}: ", path.display())).hint(
            "no password given",
            "use --password-file FILE where nobody can type",
            Exit::Signer,
        )
    }
}

/// Account `index` of a BIP-39 mnemonic, under Ethereum's usual path.
///
/// # Errors
/// Not a mnemonic.
pub(crate) fn of_mnemonic(words: &str, index: u32) -> Result<PrivateKeySigner> {
    MnemonicBuilder::<English>::default().phrase(words).index(index).and_then(|b| b.build()).hint(
        "--mnemonic is not a BIP-39 mnemonic",
        "give 12 to 24 words",
        Exit::Signer,
    )
}
