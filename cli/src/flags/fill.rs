//! What a profile fills of the flags that every command takes.

use super::{Global, NAMING, SignerArgs};
use crate::profile::{Context, Filled, KEYS, Origin, ProfileEntry, ProfileFile, chosen};
use clap::ArgMatches;
use clap::parser::ValueSource;
use eyre::Result;
use std::path::Path;

impl Global {
    /// Fills what neither flags nor variables say from the profile that is in use.
    ///
    /// # Errors
    /// The named profile does not exist.
    pub(crate) fn fill(
        &mut self,
        matches: &ArgMatches,
        file: &ProfileFile,
        path: &Path,
    ) -> Result<()> {
        let nothing = ProfileEntry::default();
        let chosen = chosen(file, self.profile.as_deref(), path)?;
        let (name, entry) = match chosen {
            Some((name, entry)) => (Some(name.to_owned()), entry),
            None => (None, &nothing),
        };
        let mut filled = Filled::new(matches);
        self.fill_chain(entry, file, &mut filled);
        self.signer.fill(entry, &mut filled);
        filled.value("format", &mut self.format, entry.format, |format| format.word().to_owned());
        self.context = Context {
            profile: name,
            role: entry.role,
            address: entry.address,
            gateway: entry.gateway.clone(),
            settings: filled.settings(),
        };
        Ok(())
    }

    fn fill_chain(&mut self, entry: &ProfileEntry, file: &ProfileFile, filled: &mut Filled<'_>) {
        let named = entry.chain.as_ref().and_then(|name| file.chain.get(name.get_ref()));
        let of_chain = named.cloned().unwrap_or_default();
        let chain = &mut self.chain;
        let rpc_url = entry.rpc_url.clone().or(of_chain.rpc_url);
        filled.value("rpc_url", &mut chain.rpc_url, rpc_url, Clone::clone);
        let addresses = entry.addresses.clone().or(of_chain.addresses);
        filled.value("addresses", &mut chain.addresses, addresses, |p| p.display().to_string());
        let relays = entry.drand_endpoints.clone().or(of_chain.drand_endpoints);
        filled.value("drand_endpoints", &mut chain.drand_endpoints, relays, |all| all.join(","));
        let timeout = entry.tx_timeout;
        filled.value("tx_timeout", &mut chain.tx_timeout, timeout, ToString::to_string);
    }

    /// Notes what was typed, for a profile that is made of it.
    pub(crate) fn note_typed(&mut self, matches: &ArgMatches) {
        let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        for key in KEYS.into_iter().filter(|key| matches.try_contains_id(key).is_ok()) {
            let values = matches.get_raw(key).filter(|_| typed(key)).into_iter().flatten();
            let values: Vec<String> = values.map(|v| v.to_string_lossy().into_owned()).collect();
            if !values.is_empty() {
                self.typed.push((key, values.join(",")));
            }
        }
    }
}

impl SignerArgs {
    /// Takes the profile's account, if neither flags nor variables name one.
    pub(crate) fn fill(&mut self, profile: &ProfileEntry, filled: &mut Filled<'_>) {
        let given = NAMING.into_iter().find_map(|id| Some((id, filled.before(id)?)));
        if let Some((id, from)) = given.filter(|_| self.options().is_given()) {
            // A key itself is not shown.
            let is_secret = matches!(id, "private_key" | "mnemonic");
            let value = if is_secret { Some("a raw key".to_owned()) } else { self.name() };
            filled.note(if is_secret { "signer" } else { id }, value, from);
            return;
        }
        self.signer = profile.signer.as_ref().map(|key| key.get_ref().clone());
        self.keystore = profile.keystore.as_ref().map(|path| path.get_ref().clone());
        self.account = profile.account.as_ref().map(|name| name.get_ref().clone());
        let from = if self.options().is_given() { Origin::Profile } else { Origin::Default };
        filled.note("account", self.name(), from);
        // The profile's password is that of its own account.
        if self.password_file.is_none() && self.unsafe_password.is_none() {
            self.password_file.clone_from(&profile.password_file);
        }
    }

    /// What names the account, as people read it.
    fn name(&self) -> Option<String> {
        let keystore = self.keystore.as_ref().map(|path| path.display().to_string());
        self.account.clone().or_else(|| self.signer.clone()).or(keystore)
    }
}
