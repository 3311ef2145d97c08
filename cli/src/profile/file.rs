//! The file of profiles, as people write it.

use crate::error::{FailureKind, HintExt as _, fail};
use crate::output::Format;
use clap::ValueEnum;
use eyre::Result;
use oml_contracts::EthAddress;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// All that the file says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileFile {
    /// The profile that is used where neither flag nor variable names one.
    pub(crate) current: Option<Spanned<String>>,
    /// Chains that profiles name.
    #[serde(default)]
    pub(crate) chain: BTreeMap<String, ChainEntry>,
    /// Profiles by their names.
    #[serde(default)]
    pub(crate) profile: BTreeMap<String, ProfileEntry>,
}

/// A chain: where it is asked, and which contracts on it are meant.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainEntry {
    /// URL of the JSON-RPC endpoint that is asked.
    pub(crate) rpc_url: Option<String>,
    /// Addresses file of the contracts' deployment.
    pub(crate) addresses: Option<PathBuf>,
    /// Relays of the drand network that the deployment's beacon follows.
    pub(crate) drand_endpoints: Option<Vec<String>>,
}

/// A profile: a chain, an account, and defaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileEntry {
    /// Name of a chain in the same file.
    pub(crate) chain: Option<Spanned<String>>,
    /// JSON-RPC endpoint, instead of the chain's.
    pub(crate) rpc_url: Option<String>,
    /// Addresses file, instead of the chain's.
    pub(crate) addresses: Option<PathBuf>,
    /// Relays of drand, instead of the chain's.
    pub(crate) drand_endpoints: Option<Vec<String>>,
    /// Name of a keystore in `~/.foundry/keystores`.
    pub(crate) account: Option<Spanned<String>>,
    /// Path of the keystore file, if it is not one of Foundry's.
    pub(crate) keystore: Option<Spanned<PathBuf>>,
    /// Key that a cloud holds.
    pub(crate) signer: Option<Spanned<String>>,
    /// File that holds the keystore's password.
    pub(crate) password_file: Option<PathBuf>,
    /// The account's address, for commands that only look.
    pub(crate) address: Option<EthAddress>,
    /// What its person does.
    pub(crate) role: Option<Role>,
    /// How results are printed.
    pub(crate) format: Option<Format>,
    /// Longest wait for a transaction, in seconds.
    pub(crate) tx_timeout: Option<u64>,
    /// Base URL of the gateway that is paid.
    pub(crate) gateway: Option<String>,
    /// Refused: a key does not belong here.
    private_key: Option<Spanned<IgnoredAny>>,
    /// Refused, as a key.
    mnemonic: Option<Spanned<IgnoredAny>>,
}

impl ProfileEntry {
    /// What names its account, as people read it.
    pub(crate) fn account_name(&self) -> Option<String> {
        let keystore = self.keystore.as_ref().map(|path| path.get_ref().display().to_string());
        let named = self.account.as_ref().or(self.signer.as_ref());
        named.map(|name| name.get_ref().clone()).or(keystore)
    }
}

/// What a person does in the protocol.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Publishes models and sells licenses.
    Owner,
    /// Serves a licensed copy.
    Host,
    /// Pays for requests.
    Payer,
    /// Pays for rounds and proofs against hosts.
    Reporter,
    /// Holds tickets and sits in rounds.
    Prover,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Host => "host",
            Self::Payer => "payer",
            Self::Reporter => "reporter",
            Self::Prover => "prover",
        })
    }
}

/// What is wrong at a place of the file.
struct Mistake {
    at: usize,
    what: String,
    hint: String,
}

impl ProfileFile {
    /// Reads the file; where there is none, it has no profiles.
    ///
    /// # Errors
    /// It can't be read, or says something that this program does not know.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                let message = format!("{} could not be read", path.display());
                let hint = "check its permissions, and that it is UTF-8 text";
                return Ok(Err(error).hint(message, hint, FailureKind::Failed)?);
            }
        };
        Self::parse(&text, path)
    }

    /// Reads the text of the file at `path`; relative paths in it start at its folder.
    ///
    /// # Errors
    /// It says something that this program does not know.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self> {
        let at_line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        let refused = |at: usize, what: &str, hint: &str| {
            let place = format!("{} line {}", path.display(), at_line(at));
            fail(format!("{place}: {what}"), hint, FailureKind::Failed)
        };
        let mut file: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let hint = "correct that line; docs/cli.md lists every key under Profiles";
            refused(at, error.message().trim(), hint)
        })?;
        if let Some(Mistake { at, what, hint }) = file.mistake() {
            return Err(refused(at, &what, &hint));
        }
        file.root_paths(path.parent().unwrap_or(Path::new("")));
        Ok(file)
    }

    /// The first thing in the file that can't be.
    fn mistake(&self) -> Option<Mistake> {
        let current = self.current.as_ref().filter(|n| !self.profile.contains_key(n.get_ref()));
        if let Some(name) = current {
            return Some(Mistake {
                at: name.span().start,
                what: format!("current = {:?} names no profile", name.get_ref()),
                hint: format!("profiles are: {}", shown(self.profile.keys())),
            });
        }
        self.profile.iter().find_map(|(name, profile)| self.mistake_in(name, profile))
    }

    fn mistake_in(&self, name: &str, profile: &ProfileEntry) -> Option<Mistake> {
        let key = profile.private_key.as_ref().or(profile.mnemonic.as_ref());
        if let Some(key) = key {
            return Some(Mistake {
                at: key.span().start,
                what: format!("profile {name:?} holds a private key or its words"),
                hint: "a key does not belong in this file: make a keystore with `cast wallet \
                       import NAME`, and write account = \"NAME\""
                    .to_owned(),
            });
        }
        let chain = profile.chain.as_ref().filter(|c| !self.chain.contains_key(c.get_ref()));
        if let Some(chain) = chain {
            return Some(Mistake {
                at: chain.span().start,
                what: format!("profile {name:?} names chain {:?}, which is none", chain.get_ref()),
                hint: format!(
                    "chains are: {}; `oml chain add` makes one",
                    shown(self.chain.keys())
                ),
            });
        }
        let named = [
            profile.account.as_ref().map(|s| s.span().start),
            profile.keystore.as_ref().map(|s| s.span().start),
            profile.signer.as_ref().map(|s| s.span().start),
        ];
        let [_, second, ..] = named.into_iter().flatten().collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Mistake {
            at: second,
            what: format!("profile {name:?} names its account more than once"),
            hint: "keep one of account, keystore and signer".to_owned(),
        })
    }

    /// Makes paths independent of the working directory.
    fn root_paths(&mut self, folder: &Path) {
        let chains = self.chain.values_mut().map(|chain| &mut chain.addresses);
        let profiles = self.profile.values_mut().flat_map(|profile| {
            let keystore = profile.keystore.as_mut().map(Spanned::get_mut);
            keystore.into_iter().chain(&mut profile.addresses).chain(&mut profile.password_file)
        });
        for path in chains.flatten().chain(profiles) {
            *path = rooted(path, folder, std::env::home_dir().as_deref());
        }
    }
}

/// A path as the file means it: `~` is the home directory, and what is relative starts at the
/// file's folder.
fn rooted(path: &Path, folder: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => folder.join(path),
    }
}

/// Names for people.
pub(super) fn shown<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_client::find;

    fn parse(text: &str) -> Result<ProfileFile> {
        ProfileFile::parse(text, Path::new("/etc/oml/config.toml"))
    }

    fn refusal(text: &str) -> [String; 2] {
        let error = parse(text).unwrap_err();
        let hint = find(error.as_ref()).0.unwrap_or_default().to_owned();
        [error.to_string(), hint]
    }

    #[test]
    fn paths_start_at_the_files_folder() {
        let file = parse(
            "current = \"me\"\n[chain.c]\naddresses = \"c.json\"\n[profile.me]\nchain = \"c\"\n\
             password_file = \"/p\"\nrole = \"host\"\nformat = \"json\"\n",
        )
        .unwrap();
        assert_eq!(file.chain["c"].addresses, Some(PathBuf::from("/etc/oml/c.json")));
        let me = &file.profile["me"];
        assert_eq!(me.password_file, Some(PathBuf::from("/p")));
        assert_eq!((me.role, me.format), (Some(Role::Host), Some(Format::Json)));
        let home = Some(Path::new("/h"));
        assert_eq!(rooted(Path::new("~/k"), Path::new("/f"), home), PathBuf::from("/h/k"));
    }

    #[test]
    fn what_is_not_known_is_named_with_its_line() {
        let [said, hint] = refusal("[profile.a]\nrole = \"host\"\nrpc = \"x\"\n");
        assert!(said.starts_with("/etc/oml/config.toml line 3: unknown field `rpc`"), "{said}");
        assert!(said.contains("rpc_url") && hint.contains("docs/cli.md"), "{said}");
        let [said, _] = refusal("[profile.a]\nrole = \"boss\"\n");
        assert!(said.contains("line 2") && said.contains("`boss`"), "{said}");
        let [said, _] = refusal("[profile.a\n");
        assert!(said.contains("line 1"), "{said}");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let cases = [
            (
                "current = \"b\"\n[profile.a]\n",
                "line 1: current = \"b\" names no profile",
                "are: a",
            ),
            ("[profile.a]\nchain = \"c\"\n", "line 2: profile \"a\" names chain \"c\"", "add"),
            (
                "[profile.a]\naccount = \"x\"\nsigner = \"aws:y\"\n",
                "line 3: profile \"a\" names its account more than once",
                "keep one",
            ),
            ("[profile.a]\nprivate_key = \"0xSECRET\"\n", "line 2: profile \"a\" holds a", "cast"),
        ];
        for (text, what, remedy) in cases {
            let [said, hint] = refusal(text);
            assert!(said.contains(what) && !said.contains("SECRET"), "{said}");
            assert!(hint.contains(remedy), "{hint}");
        }
    }
}
