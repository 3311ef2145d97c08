//! `oml profile`: what a person would type with every command.

use crate::error::{FailureKind, fail};
use crate::flags::Global;
use crate::output::table;
use crate::profile::{self, EditedProfiles, KEYS, ProfileFile, Role, Setting};
use clap::{Args, Subcommand};
use eyre::Result;
use oml_contracts::EthAddress;
use serde::Serialize;

/// Verbs of `oml profile`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the profiles of this person
    List,
    /// Show every setting of this call, and whether a flag, a variable or the profile sets it
    Show,
    /// Use a profile from now on, where neither --profile nor `OML_PROFILE` names another
    Use {
        /// Name of the profile
        name: String,
    },
    /// Make a profile of the flags of this call, such as --rpc-url, --addresses and --account
    Add(Added),
    /// Set a key of the profile in use
    Set {
        /// Key, e.g. `tx_timeout`
        key: String,
        /// What it is to be, e.g. 300
        value: String,
    },
    /// Take a key of the profile in use away
    Unset {
        /// Key that goes, e.g. `tx_timeout`
        key: String,
    },
}

/// A new profile.
#[derive(Args, Clone, Debug)]
pub(crate) struct Added {
    /// Name of the new profile
    name: String,
    /// Chain, as `oml chain add` has named it
    #[arg(long, value_name = "NAME")]
    chain: Option<String>,
    /// What you do
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// The account's address, so that commands that only look need no password
    #[arg(long)]
    address: Option<EthAddress>,
    /// Base URL of the gateway that you pay
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
}

/// A profile in the list.
#[derive(Serialize)]
struct ListedProfile<'a> {
    name: &'a str,
    current: bool,
    chain: Option<&'a str>,
    role: Option<Role>,
    account: Option<String>,
}

/// What `show` shows.
#[derive(Serialize)]
struct ShownSettings<'a> {
    profile: Option<&'a str>,
    file: String,
    role: Option<Role>,
    address: Option<EthAddress>,
    gateway: Option<&'a str>,
    settings: &'a [Setting],
}

/// What a change leaves behind.
#[derive(Serialize)]
struct ChangedProfile<'a> {
    profile: &'a str,
    file: String,
}

/// Runs a verb.
pub(crate) fn run(verb: Verb, global: &Global) -> Result<()> {
    match verb {
        Verb::List => list(global),
        Verb::Show => show(global),
        Verb::Use { name } => {
            let mut file = EditedProfiles::open(&profile::path()?)?;
            file.choose(&name)?;
            file.save()?;
            changed(&name, "is in use from now on", global)
        }
        Verb::Add(added) => add(&added, global),
        Verb::Set { key, value } => set(&key, Some(&value), global),
        Verb::Unset { key } => set(&key, None, global),
    }
}

fn list(global: &Global) -> Result<()> {
    let file = ProfileFile::load(&profile::path()?)?;
    let current = in_use(global, &file);
    let listed: Vec<ListedProfile<'_>> = file
        .profile
        .iter()
        .map(|(name, entry)| ListedProfile {
            name,
            current: current.as_deref() == Some(name),
            chain: entry.chain.as_ref().map(|chain| chain.get_ref().as_str()),
            role: entry.role,
            account: entry.account_name(),
        })
        .collect();
    let names: Vec<&str> = listed.iter().map(|one| one.name).collect();
    global.output().result(&listed, &names.join("\n"), || {
        if listed.is_empty() {
            return "no profiles; `oml profile add NAME` makes one".to_owned();
        }
        let rows = listed.iter().map(|one| {
            let mark = if one.current { "*" } else { "" }.to_owned();
            let role = one.role.map(|role| role.to_string()).unwrap_or_default();
            let account = one.account.clone().unwrap_or_default();
            [mark, one.name.to_owned(), one.chain.unwrap_or_default().to_owned(), role, account]
        });
        table(["", "profile", "chain", "role", "account"], rows)
    });
    Ok(())
}

fn show(global: &Global) -> Result<()> {
    let context = &global.context;
    let shown = ShownSettings {
        profile: context.profile.as_deref(),
        file: profile::path()?.display().to_string(),
        role: context.role,
        address: context.address,
        gateway: context.gateway.as_deref(),
        settings: &context.settings,
    };
    global.output().result(&shown, shown.profile.unwrap_or_default(), || {
        let head = match shown.profile {
            Some(name) => format!("profile {name} of {}", shown.file),
            None => format!("no profile is in use; {} would hold them", shown.file),
        };
        let of_profile = [
            ("role", shown.role.map(|role| role.to_string())),
            ("address", shown.address.map(|address| address.to_string())),
            ("gateway", context.gateway.clone()),
        ];
        let of_profile = of_profile
            .into_iter()
            .filter_map(|(key, value)| Some([key.to_owned(), value?, "profile".to_owned()]));
        let rows = context.settings.iter().map(|one| {
            let value = one.value.clone().unwrap_or_else(|| "-".to_owned());
            [one.key.to_owned(), value, one.from.word().to_owned()]
        });
        format!("{head}\n{}", table(["setting", "value", "from"], rows.chain(of_profile)))
    });
    Ok(())
}

fn add(added: &Added, global: &Global) -> Result<()> {
    if global.signer.names_a_key() {
        return Err(fail(
            "a private key or its words are not written into a profile",
            "make a keystore with `cast wallet import NAME`, and give --account NAME",
            FailureKind::Signer,
        ));
    }
    let mut keys = global.typed.clone();
    let own = [
        ("chain", added.chain.clone()),
        ("role", added.role.map(|role| role.to_string())),
        ("address", added.address.map(|address| address.to_string())),
        ("gateway", added.gateway.clone()),
    ];
    keys.extend(own.into_iter().filter_map(|(key, value)| Some((key, value?))));
    let mut file = EditedProfiles::open(&profile::path()?)?;
    file.add("profile", &added.name, &keys)?;
    let is_first = file.has_no_current();
    if is_first {
        file.choose(&added.name)?;
    }
    file.save()?;
    let done = if is_first { "was made, and is in use from now on" } else { "was made" };
    changed(&added.name, done, global)
}

fn set(key: &str, value: Option<&str>, global: &Global) -> Result<()> {
    let path = profile::path()?;
    let name = in_use(global, &ProfileFile::load(&path)?).ok_or_else(|| {
        fail(
            "no profile is in use",
            format!("name one with --profile, or `oml profile use NAME`; keys: {}", KEYS.join(" ")),
            FailureKind::Failed,
        )
    })?;
    let mut file = EditedProfiles::open(&path)?;
    file.set(&name, key, value)?;
    file.save()?;
    changed(&name, "was changed", global)
}

/// The profile that flag, variable or file name.
fn in_use(global: &Global, file: &ProfileFile) -> Option<String> {
    let named = global.profile.clone().filter(|name| !name.is_empty());
    named.or_else(|| file.current.as_ref().map(|name| name.get_ref().clone()))
}

fn changed(name: &str, done: &str, global: &Global) -> Result<()> {
    let file = profile::path()?.display().to_string();
    let change = ChangedProfile { profile: name, file };
    global.output().result(&change, name, || format!("profile {name} {done}"));
    Ok(())
}
