//! What a configuration must satisfy.

use super::endpoint_url::EndpointUrl;
use super::error::ConfigError;
use super::file::NodeConfig;
use super::roles::{GatewayConfig, PrivateKeySource, ReceiveConfig, UniverseConfig};
use oml_engine::{DeviceName, FloatType};

fn value(key: impl Into<String>, value: impl ToString, cause: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.into(), value: value.to_string(), advice: cause.into() }
}

impl NodeConfig {
    /// Checks everything that can be checked without opening files or connections.
    ///
    /// # Errors
    /// The first value that can't work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_chain()?;
        let url = &self.store.url;
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme))
        {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(value(
                "store.url",
                scheme,
                "write sqlite:PATH or postgres://user:password@host/database",
            ));
        }
        if let Some(signer) = &self.signer {
            validate_account("signer", signer)?;
        }
        at_least("http.header_timeout_ms", self.http.header_timeout_ms, 1)?;
        at_least("http.max_body_bytes", self.http.max_body_bytes as u64, 1_024)?;
        self.validate_owner()?;
        self.validate_host()?;
        self.validate_prover()?;
        self.validate_listeners()
    }

    fn validate_chain(&self) -> Result<(), ConfigError> {
        self.validate_endpoints()?;
        if self.chain.addresses.as_os_str().is_empty() {
            return Err(value(
                "chain.addresses",
                "\"\"",
                "name the addresses file of the deployment",
            ));
        }
        for (index, url) in self.chain.drand_endpoints.iter().enumerate() {
            http_url(&format!("chain.drand_endpoints[{index}]"), url)?;
        }
        at_least("chain.poll_interval_ms", self.chain.poll_interval_ms, 10)?;
        at_least("chain.window", self.chain.window, 8)?;
        at_least("chain.max_log_range", self.chain.max_log_range, 1)?;
        at_least("chain.max_head_age_s", self.chain.max_head_age_s.unwrap_or(u64::MAX), 1)?;
        at_least("chain.resubmit_after_s", self.chain.resubmit_after_s, 1)?;
        if self.chain.max_fee_per_gas == 0 {
            return Err(value(
                "chain.max_fee_per_gas",
                0,
                "no transaction can be sent; give a cap in wei",
            ));
        }
        if self.chain.finality_depth >= self.chain.window {
            let cause = format!("must be less than chain.window ({})", self.chain.window);
            return Err(value("chain.finality_depth", self.chain.finality_depth, cause));
        }
        Ok(())
    }

    fn validate_endpoints(&self) -> Result<(), ConfigError> {
        let mut known = vec![endpoint("chain.rpc_url", &self.chain.rpc_url)?];
        for (index, url) in self.chain.further_rpc_urls.iter().enumerate() {
            let key = format!("chain.further_rpc_urls[{index}]");
            let url = endpoint(&key, url)?;
            if known.contains(&url) {
                let advice = "is named twice; one endpoint is no second opinion about itself";
                return Err(value(key, url, advice));
            }
            known.push(url);
        }
        Ok(())
    }

    fn validate_owner(&self) -> Result<(), ConfigError> {
        let Some(owner) = &self.owner else { return Ok(()) };
        for (index, universe) in owner.universes.iter().enumerate() {
            let twice = |other: &UniverseConfig| {
                other.model == universe.model && other.epoch == universe.epoch
            };
            if owner.universes.iter().take(index).any(twice) {
                let shown = format!("{} epoch {}", universe.model, universe.epoch);
                return Err(value(format!("owner.universes[{index}]"), shown, "is named twice"));
            }
        }
        if let Some(payer) = owner.rounds.as_ref().and_then(|rounds| rounds.payer.as_ref()) {
            validate_account("owner.rounds.payer", payer)?;
        }
        self.needs_signer("owner")
    }

    fn validate_host(&self) -> Result<(), ConfigError> {
        let Some(host) = &self.host else { return Ok(()) };
        for (index, gateway) in host.gateways.iter().enumerate() {
            validate_gateway(&format!("host.gateways[{index}]"), gateway)?;
        }
        for (index, inference) in host.inference.iter().enumerate() {
            let field = |name: &str| format!("host.inference[{index}].{name}");
            at_least(&field("queue"), inference.queue as u64, 1)?;
            if inference.device == DeviceName::Cpu && inference.precision != FloatType::F32 {
                let shown = format!("{:?}", inference.precision).to_lowercase();
                return Err(value(
                    field("precision"),
                    shown,
                    "needs a GPU; a processor computes in f32",
                ));
            }
        }
        at_least("host.redeem.interval_s", host.redeem.interval_s, 1)?;
        at_least("host.redeem.max_rows", host.redeem.max_rows as u64, 1)?;
        if let Some(receive) = &host.receive {
            validate_receive(receive)?;
        }
        // A node that only answers requests of a local model sends nothing.
        let sends = !host.gateways.is_empty() || host.receive.is_some();
        if sends { self.needs_signer("host") } else { Ok(()) }
    }

    fn validate_prover(&self) -> Result<(), ConfigError> {
        let Some(prover) = &self.prover else { return Ok(()) };
        let query = &prover.query;
        at_least("prover.query.max_tokens", query.max_tokens.into(), 1)?;
        at_least("prover.query.timeout_s", query.timeout_s, 1)?;
        at_least("prover.query.max_response_bytes", query.max_response_bytes as u64, 256)?;
        at_least("prover.query.concurrency", query.concurrency as u64, 1)?;
        at_least("prover.query.attempts", query.attempts.into(), 1)?;
        self.needs_signer("prover")
    }

    fn needs_signer(&self, role: &str) -> Result<(), ConfigError> {
        if self.signer.is_some() {
            return Ok(());
        }
        let cause =
            format!("the role [{role}] sends transactions; give one of {HELD_HERE}, remote here");
        Err(ConfigError::Key { key: "signer".to_owned(), source: cause.into() })
    }

    fn validate_listeners(&self) -> Result<(), ConfigError> {
        let mut taken = vec![("http.listen".to_owned(), self.http.listen)];
        if let Some(host) = &self.host {
            let gateways = host.gateways.iter().enumerate();
            taken.extend(
                gateways.map(|(i, one)| (format!("host.gateways[{i}].listen"), one.listen)),
            );
            let servers = host.inference.iter().enumerate();
            taken.extend(
                servers.map(|(i, one)| (format!("host.inference[{i}].listen"), one.listen)),
            );
        }
        for (index, (key, address)) in taken.iter().enumerate() {
            // Port 0 lets the system choose, so it is never taken.
            let same = |other: &&(String, std::net::SocketAddr)| {
                other.1 == *address && address.port() != 0
            };
            if let Some((other, _)) = taken.iter().take(index).find(same) {
                return Err(value(
                    key,
                    address,
                    format!("{other} listens there too; choose another port"),
                ));
            }
        }
        Ok(())
    }
}

fn validate_gateway(key: &str, gateway: &GatewayConfig) -> Result<(), ConfigError> {
    http_url(&format!("{key}.upstream"), &gateway.upstream)?;
    match &gateway.serving_key {
        Some(source) => validate_serving_key(&format!("{key}.serving_key"), source)?,
        None if gateway.serving_key_dir.is_none() => {
            let cause = "no key signs receipts; give serving_key or serving_key_dir";
            return Err(ConfigError::Key {
                key: format!("{key}.serving_key"),
                source: cause.into(),
            });
        }
        None => {}
    }
    at_least(&format!("{key}.default_max_tokens"), gateway.default_max_tokens.into(), 1)?;
    at_least(
        &format!("{key}.max_tokens_cap"),
        gateway.max_tokens_cap.into(),
        gateway.default_max_tokens.into(),
    )?;
    at_least(&format!("{key}.max_concurrent"), gateway.max_concurrent as u64, 1)?;
    at_least(&format!("{key}.max_body_bytes"), gateway.max_body_bytes as u64, 1_024)?;
    at_least(&format!("{key}.upstream_timeout_s"), gateway.upstream_timeout_s, 1)
}

fn at_least(key: &str, found: u64, least: u64) -> Result<(), ConfigError> {
    if found < least {
        return Err(value(key, found, format!("must be at least {least}")));
    }
    Ok(())
}

fn endpoint(key: &str, url: &str) -> Result<EndpointUrl, ConfigError> {
    EndpointUrl::parse(url).map_err(|source| ConfigError::Endpoint { key: key.to_owned(), source })
}

fn http_url(key: &str, url: &str) -> Result<(), ConfigError> {
    match url.parse::<reqwest::Url>() {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => Ok(()),
        Ok(parsed) => {
            let cause = format!(
                "scheme {:?} is not spoken here; write http:// or https://",
                parsed.scheme()
            );
            Err(value(key, url, cause))
        }
        Err(cause) => Err(value(key, url, format!("is not a URL ({cause})"))),
    }
}

fn validate_receive(receive: &ReceiveConfig) -> Result<(), ConfigError> {
    at_least("host.receive.max_bytes", receive.max_bytes, 1)?;
    if receive.from.is_empty() {
        let advice =
            "no copy can come; give a [[host.receive.from]] with the url of an owner's node";
        return Err(value("host.receive.from", "[]", advice));
    }
    for (index, source) in receive.from.iter().enumerate() {
        let key = format!("host.receive.from[{index}]");
        http_url(&format!("{key}.url"), &source.url)?;
        if source.owner.is_none() && source.model.is_none() && source.offer.is_none() {
            let advice = "says not whose copies it may send; give owner, model or offer";
            return Err(value(key, &source.url, advice));
        }
    }
    Ok(())
}

/// Where keys come from that this machine holds.
const HELD_HERE: &str = "keystore, private_key_env, private_key_file";

fn validate_account(key: &str, source: &PrivateKeySource) -> Result<(), ConfigError> {
    validate_key(key, source, &format!("{HELD_HERE}, remote"))
}

/// A serving key signs each receipt, which no remote service could do in time, or for its price.
fn validate_serving_key(key: &str, source: &PrivateKeySource) -> Result<(), ConfigError> {
    if let Some(remote) = &source.remote {
        let cause = format!(
            "{} holds the key of remote = {remote}, but a serving key signs every receipt and must \
             be on this machine; give one of {HELD_HERE}",
            remote.provider()
        );
        return Err(ConfigError::Key { key: key.to_owned(), source: cause.into() });
    }
    validate_key(key, source, HELD_HERE)
}

fn validate_key(key: &str, source: &PrivateKeySource, known: &str) -> Result<(), ConfigError> {
    let fail = |cause: String| Err(ConfigError::Key { key: key.to_owned(), source: cause.into() });
    let given: Vec<&str> = [
        ("keystore", source.keystore.is_some()),
        ("private_key_env", source.private_key_env.is_some()),
        ("private_key_file", source.private_key_file.is_some()),
        ("remote", source.remote.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect();
    match given.as_slice() {
        [] => fail(format!("names no key; give one of {known}")),
        ["keystore"] if source.password_file.is_none() => {
            fail("a keystore needs password_file".to_owned())
        }
        ["keystore"] => Ok(()),
        [_] if source.password_file.is_some() => {
            fail("password_file belongs to a keystore, and none is given".to_owned())
        }
        [_] => Ok(()),
        several => fail(format!(
            "names several keys ({}); give exactly one of {known}",
            several.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str =
        "[chain]\nrpc_url = \"http://127.0.0.1:8545\"\naddresses = \"addresses.json\"\n";

    fn problem(extra: &str) -> String {
        NodeConfig::from_toml(&format!("{MINIMAL}{extra}"), "test.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_minimal_file_has_working_defaults_and_round_trips() {
        let config = NodeConfig::from_toml(MINIMAL, "test.toml").unwrap();
        assert_eq!(config.store.url, "sqlite:oml-node.db");
        let text = toml_of(&config);
        assert_eq!(NodeConfig::from_toml(&text, "again.toml").unwrap(), config);
    }

    fn toml_of(config: &NodeConfig) -> String {
        // JSON values are TOML inline values except for the separator and null, which never occurs
        // here.
        let value = serde_json::to_value(config).unwrap();
        let mut text = String::new();
        for (section, content) in value.as_object().unwrap() {
            text.push_str(&format!("[{section}]\n"));
            for (key, value) in content.as_object().unwrap() {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        text
    }

    #[test]
    fn errors_name_the_value_and_the_cause() {
        let cases = [
            ("[store]\nurl = \"mysql://x\"", "store.url = mysql: write sqlite:PATH"),
            ("[store]\npath = \"x\"", "unknown field"),
            (
                "[prover]\nencryption_key_file = \"k\"",
                "signer: the role [prover] sends transactions",
            ),
            ("[signer]\nkeystore = \"k\"", "signer: a keystore needs password_file"),
            (
                "[signer]\nkeystore = \"k\"\npassword_file = \"p\"\nprivate_key_env = \"K\"",
                "names several keys (keystore, private_key_env)",
            ),
            (
                "[signer]\nprivate_key_file = \"f\"\nremote = \"aws:alias/oml\"",
                "signer: names several keys (private_key_file, remote)",
            ),
            ("[signer]\nremote = \"aws:alias/oml\"\npassword_file = \"p\"", "none is given"),
            ("[signer]\nremote = \"azure:oml\"", "names no remote key; write aws:"),
            ("[signer]\n", "signer: names no key"),
            (
                "drand_endpoints = [\"https://api.drand.sh/04f1\", \"relay\"]",
                "chain.drand_endpoints[1] = relay: is not a URL",
            ),
            (
                "further_rpc_urls = [\"wss://user:KEY@rpc.example/KEY\", \"rpc.example/KEY\"]",
                "chain.further_rpc_urls[1]: \"rpc.example/…\" is not a URL",
            ),
            (
                "further_rpc_urls = [\"http://127.0.0.1:8545/\"]",
                "chain.further_rpc_urls[0] = http://127.0.0.1:8545: is named twice",
            ),
            ("[http]\nheader_timeout_ms = 0", "http.header_timeout_ms = 0: must be at least 1"),
        ];
        for (extra, expected) in cases {
            let found = problem(extra);
            assert!(found.contains(expected), "{extra:?} gave {found:?}");
        }
        let scheme =
            NodeConfig::from_toml("[chain]\nrpc_url = \"ftp://x\"\naddresses = \"a\"", "t")
                .unwrap_err();
        assert!(
            scheme.to_string().contains("chain.rpc_url: \"ftp://x\" is not spoken"),
            "{scheme}"
        );
    }

    #[test]
    fn two_listeners_on_one_port_are_refused() {
        let license = format!("0x{}", "11".repeat(32));
        let gateway = format!(
            "[signer]\nprivate_key_env = \"K\"\n[[host.gateways]]\nlicense = \"{license}\"\n\
             listen = \"127.0.0.1:8080\"\nupstream = \"http://127.0.0.1:1\"\nserving_key.private_key_env = \"S\"\n"
        );
        let keyless = problem(&gateway.replace("serving_key.private_key_env = \"S\"\n", ""));
        assert!(keyless.contains("give serving_key or serving_key_dir"), "{keyless}");
        let remote =
            problem(&gateway.replace("private_key_env = \"S\"", "remote = \"aws:alias/s\""));
        assert!(remote.contains("host.gateways[0].serving_key: aws holds the key"), "{remote}");
        let found = problem(&gateway);
        assert!(
            found.contains(
                "host.gateways[0].listen = 127.0.0.1:8080: http.listen listens there too"
            ),
            "{found}"
        );
    }

    #[test]
    fn copies_are_received_only_from_named_nodes_for_named_licenses() {
        let receive = |from: &str, more: &str| {
            let text = format!(
                "{MINIMAL}[signer]\nprivate_key_env = \"K\"\n[host.receive]\ncopies = \"c\"\n\
                 copy_keys = \"k\"\n{more}\n{from}"
            );
            NodeConfig::from_toml(&text, "test.toml").map_err(|error| error.to_string())
        };
        let from = format!(
            "[[host.receive.from]]\nurl = \"https://owner.example\"\nowner = \"0x{}\"\n",
            "11".repeat(20)
        );
        let found = receive(&from, "").unwrap().host.unwrap().receive.unwrap();
        assert_eq!((found.accept, found.max_bytes), (false, 64 << 30));
        let anybody = "[[host.receive.from]]\nurl = \"https://owner.example\"\n";
        let path = from.replace("https://owner.example", "copies");
        for (from, more, expected) in [
            ("", "from = []", "host.receive.from = []: no copy can come"),
            (anybody, "", "host.receive.from[0] = https://owner.example: says not whose"),
            (path.as_str(), "", "host.receive.from[0].url = copies: is not a URL"),
            (from.as_str(), "max_bytes = 0", "host.receive.max_bytes = 0: must be at least 1"),
        ] {
            let found = receive(from, more).unwrap_err();
            assert!(found.contains(expected), "{from}{more}: {found}");
        }
        let text = format!("{MINIMAL}[host.receive]\ncopies = \"c\"\ncopy_keys = \"k\"\n{from}");
        let found = NodeConfig::from_toml(&text, "t").unwrap_err().to_string();
        assert!(found.contains("signer: the role [host] sends transactions"), "{found}");
    }

    #[test]
    fn a_model_runs_where_the_file_says() {
        let server = |more: &str| {
            let text = format!(
                "{MINIMAL}[[host.inference]]\nlisten = \"127.0.0.1:1\"\nmodel_dir = \"m\"\nmodel_name = \"m\"\n{more}"
            );
            NodeConfig::from_toml(&text, "test.toml").map_err(|error| error.to_string())
        };
        let gpu = server("device = \"cuda:1\"\nprecision = \"bf16\"").unwrap();
        let inference = &gpu.host.unwrap().inference[0];
        assert_eq!((inference.device, inference.precision), (DeviceName::Cuda(1), FloatType::BF16));
        for (more, expected) in [
            ("precision = \"bf16\"", "host.inference[0].precision = bf16: needs a GPU"),
            ("device = \"gpu\"", "must be cpu, cuda, cuda:N or auto"),
            ("precision = \"int4\"", "int4"),
        ] {
            let found = server(more).unwrap_err();
            assert!(found.contains(expected), "{more}: {found}");
        }
    }
}
