//! What a profile adds to a command line.

use super::file::{ProfileEntry, ProfileFile, Role, shown};
use crate::error::{FailureKind, fail};
use clap::ArgMatches;
use clap::parser::ValueSource;
use eyre::Result;
use oml_contracts::EthAddress;
use serde::Serialize;
use std::path::Path;

/// What the profile says that is no flag of every command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// Name of the profile in use.
    pub(crate) profile: Option<String>,
    /// What its person does.
    pub(crate) role: Option<Role>,
    /// The account's address, for commands that only look.
    pub(crate) address: Option<EthAddress>,
    /// Base URL of the gateway that is paid.
    pub(crate) gateway: Option<String>,
    /// Every setting of this call and where it is from.
    pub(crate) settings: Vec<Setting>,
}

impl Context {
    /// Whether flags or variables name the signing account, so that it is not the profile's.
    pub(crate) fn has_other_signer(&self) -> bool {
        let names = |key| matches!(key, "account" | "keystore" | "signer" | "mnemonic");
        let outside = |from| matches!(from, Origin::Flag | Origin::Environment);
        self.settings.iter().any(|one| names(one.key) && outside(one.from))
    }
}

/// A setting and where it is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    /// Its key in a profile.
    pub(crate) key: &'static str,
    /// Its value as text; none if nothing sets it.
    pub(crate) value: Option<String>,
    /// Who set it.
    pub(crate) from: Origin,
}

/// Who set something; the first of them that did wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// A flag on the command line set it.
    Flag,
    /// A variable of the environment set it.
    Environment,
    /// The profile in use set it.
    Profile,
    /// Nobody set it, so the program chose.
    Default,
}

impl Origin {
    /// Who set the flag of this id before there was a profile.
    fn of(matches: &ArgMatches, id: &str) -> Option<Self> {
        match matches.value_source(id) {
            Some(ValueSource::CommandLine) => Some(Self::Flag),
            Some(ValueSource::EnvVariable) => Some(Self::Environment),
            _ => None,
        }
    }

    /// As people read it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::Profile => "profile",
            Self::Default => "default",
        }
    }
}

/// The profile that is to be used, with its name.
///
/// # Errors
/// The named profile does not exist.
pub(crate) fn chosen<'a>(
    file: &'a ProfileFile,
    named: Option<&str>,
    path: &Path,
) -> Result<Option<(&'a str, &'a ProfileEntry)>> {
    let current = file.current.as_ref().map(|name| name.get_ref().as_str());
    let Some(name) = named.filter(|name| !name.is_empty()).or(current) else { return Ok(None) };
    let (name, entry) = file.profile.get_key_value(name).ok_or_else(|| {
        fail(
            format!("there is no profile {name:?} in {}", path.display()),
            format!(
                "profiles are: {}; `oml profile add {name}` makes it",
                shown(file.profile.keys())
            ),
            FailureKind::Failed,
        )
    })?;
    Ok(Some((name, entry)))
}

/// Settings as they are filled.
pub(crate) struct Filled<'a> {
    matches: &'a ArgMatches,
    settings: Vec<Setting>,
}

impl<'a> Filled<'a> {
    /// Nothing is filled yet.
    pub(crate) const fn new(matches: &'a ArgMatches) -> Self {
        Self { matches, settings: Vec::new() }
    }

    /// Every setting that was looked at.
    pub(crate) fn settings(self) -> Vec<Setting> {
        self.settings
    }

    /// Who set the flag of this id before there was a profile.
    pub(crate) fn before(&self, id: &str) -> Option<Origin> {
        Origin::of(self.matches, id)
    }

    /// Fills a value that has a default, if nobody has set it.
    pub(crate) fn value<T>(
        &mut self,
        key: &'static str,
        place: &mut T,
        of_profile: Option<T>,
        show: impl FnOnce(&T) -> String,
    ) {
        let from = match (self.before(key), of_profile) {
            (Some(before), _) => before,
            (None, Some(value)) => {
                *place = value;
                Origin::Profile
            }
            (None, None) => Origin::Default,
        };
        let value = Some(show(place)).filter(|text| !text.is_empty());
        self.note(key, value, from);
    }

    /// Notes a setting.
    pub(crate) fn note(&mut self, key: &'static str, value: Option<String>, from: Origin) {
        self.settings.push(Setting { key, value, from });
    }
}
