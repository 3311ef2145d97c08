//! How a key that a cloud holds is named: `aws:KEY[@REGION]` or `gcp:projects/…`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The key of an account that a cloud holds, signs with and never gives out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RemoteKey {
    /// A key of AWS KMS.
    Aws(AwsKey),
    /// A key of Google Cloud KMS.
    Gcp(GcpKey),
}

/// A key of AWS KMS, which must be of the kind `ECC_SECG_P256K1` and for `SIGN_VERIFY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsKey {
    /// Its id, `alias/NAME`, or the ARN of either, as AWS takes it.
    pub id: String,
    /// Region in which it is. None is said where the environment or the profile says it.
    pub region: Option<String>,
}

/// One version of a key of Google Cloud KMS, which must be of the algorithm
/// `EC_SIGN_SECP256K1_SHA256`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcpKey {
    /// Project that pays for it.
    pub project: String,
    /// Location, such as `global` or `europe-west1`.
    pub location: String,
    /// Key ring in that location.
    pub key_ring: String,
    /// Key in that ring.
    pub key: String,
    /// Version of the key, from 1. Another version is another account.
    pub version: u64,
}

/// Why a text names no remote key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteKeyError {
    /// It names no cloud.
    #[error(
        "{found} names no remote key; write aws:KEY_ID_OR_ARN[@REGION] or \
         gcp:projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V"
    )]
    Provider {
        /// The text in quotes, or what stands for it where it may be a secret.
        found: String,
    },
    /// It is no key id, alias or ARN.
    #[error(
        "{found} is no key of AWS KMS: {cause}; write the key's id (a UUID, or mrk- and 32 hex \
         digits), alias/NAME, or the ARN of either"
    )]
    AwsKey {
        /// What stands where the key should, in quotes, or what stands for a secret.
        found: String,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// It is no region.
    #[error("{found:?} is no region of AWS; write @ and its code, such as @eu-central-1")]
    AwsRegion {
        /// What stands where the region should.
        found: String,
    },
    /// The ARN and the text behind it name two regions.
    #[error("the key's ARN is of region {arn}, but @{said} follows it; leave @{said} out")]
    TwoRegions {
        /// Region of the ARN.
        arn: String,
        /// Region behind the `@`.
        said: String,
    },
    /// The path of a key has another form.
    #[error(
        "{found:?} is no key of Google Cloud KMS: {part} is missing or malformed; write \
         projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V"
    )]
    GcpPath {
        /// What stands where the path should.
        found: String,
        /// First part that is not there, such as `keyRings/…`.
        part: String,
    },
    /// The version is no number from 1 on.
    #[error("version {found:?} of the key is no number; write the one to sign with, such as 1")]
    GcpVersion {
        /// What stands where the version should.
        found: String,
    },
}

/// What the parts of a path of Google Cloud KMS are called, before the version.
const GCP_PARTS: [&str; 4] = ["projects", "locations", "keyRings", "cryptoKeys"];
/// What the version is called.
const GCP_VERSIONS: &str = "cryptoKeyVersions";

impl RemoteKey {
    /// What the cloud is called in front of the colon.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        match self {
            Self::Aws(_) => "aws",
            Self::Gcp(_) => "gcp",
        }
    }
}

impl FromStr for RemoteKey {
    type Err = RemoteKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some(key) = text.strip_prefix("aws:") {
            return aws_key(key).map(Self::Aws);
        }
        if let Some(path) = text.strip_prefix("gcp:") {
            return gcp_key(path).map(Self::Gcp);
        }
        Err(RemoteKeyError::Provider { found: shown(text) })
    }
}

/// A text for people, unless it may be a key or a mnemonic that was put in the wrong place.
fn shown(text: &str) -> String {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let key = digits.len() >= 60 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if key || text.contains(char::is_whitespace) {
        return "what looks like a secret (it is not shown)".to_owned();
    }
    format!("{text:?}")
}

fn aws_key(text: &str) -> Result<AwsKey, RemoteKeyError> {
    let (id, said) = match text.rsplit_once('@') {
        Some((id, region)) => (id, Some(region)),
        None => (text, None),
    };
    if let Some(region) = said.filter(|region| !is_region(region)) {
        return Err(RemoteKeyError::AwsRegion { found: region.to_owned() });
    }
    let said = said.map(str::to_owned);
    if !id.starts_with("arn:") {
        check_aws_id(id, id)?;
        return Ok(AwsKey { id: id.to_owned(), region: said });
    }
    let arn = arn_region(id)?;
    match said {
        Some(said) if said != arn => Err(RemoteKeyError::TwoRegions { arn, said }),
        _ => Ok(AwsKey { id: id.to_owned(), region: Some(arn) }),
    }
}

/// Region of an ARN, `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` or `…:alias/NAME`.
fn arn_region(arn: &str) -> Result<String, RemoteKeyError> {
    let fail = |cause| RemoteKeyError::AwsKey { found: shown(arn), cause };
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, service, region, account, resource] = parts.as_slice() else {
        return Err(fail("an ARN has six parts between colons"));
    };
    if !partition.starts_with("aws") || *service != "kms" {
        return Err(fail("the ARN is not of KMS (arn:aws:kms:…)"));
    }
    if !is_region(region) {
        return Err(RemoteKeyError::AwsRegion { found: (*region).to_owned() });
    }
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fail("the ARN's account is not 12 digits"));
    }
    let id = resource.strip_prefix("key/").unwrap_or(resource);
    if id == *resource && !resource.starts_with("alias/") {
        return Err(fail("the ARN names neither key/ID nor alias/NAME"));
    }
    check_aws_id(id, arn)?;
    Ok((*region).to_owned())
}

/// Checks a key's id or alias; `whole` is what errors show.
fn check_aws_id(id: &str, whole: &str) -> Result<(), RemoteKeyError> {
    let fail = |cause| Err(RemoteKeyError::AwsKey { found: shown(whole), cause });
    if id.is_empty() {
        return fail("it is empty");
    }
    if let Some(name) = id.strip_prefix("alias/") {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        return if !name.is_empty() && name.bytes().all(fits) {
            Ok(())
        } else {
            fail("an alias has letters, digits, /, _ and - only")
        };
    }
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    let uuid = lengths == [8, 4, 4, 4, 12] && id.split('-').all(hex);
    let multi_region = id.strip_prefix("mrk-").is_some_and(|id| id.len() == 32 && hex(id));
    if uuid || multi_region { Ok(()) } else { fail("neither an id nor an alias") }
}

fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let lower = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    match words.as_slice() {
        [names @ .., number] => {
            names.len() >= 2
                && names.iter().all(lower)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        [] => false,
    }
}

fn gcp_key(path: &str) -> Result<GcpKey, RemoteKeyError> {
    let parts: Vec<&str> = path.split('/').collect();
    let missing = |name: &str| RemoteKeyError::GcpPath {
        found: path.to_owned(),
        part: format!("{name}/…"),
    };
    let value = |index: usize, name: &str| match parts.get(2 * index..2 * index + 2) {
        Some([word, value]) if *word == name && is_gcp_name(value) => Ok((*value).to_owned()),
        _ => Err(missing(name)),
    };
    let [project, location, key_ring, key] = GCP_PARTS;
    let (project, location) = (value(0, project)?, value(1, location)?);
    let (key_ring, key) = (value(2, key_ring)?, value(3, key)?);
    let version = value(4, GCP_VERSIONS)?;
    if parts.len() > 10 {
        return Err(missing("the end of the path after cryptoKeyVersions"));
    }
    match version.parse() {
        Ok(number) if number > 0 => {
            Ok(GcpKey { project, location, key_ring, key, version: number })
        }
        _ => Err(RemoteKeyError::GcpVersion { found: version }),
    }
}

/// Whether a part of a path is well formed. Projects of a domain have a colon and dots.
fn is_gcp_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

impl fmt::Display for RemoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(AwsKey { id, region: Some(region) }) if !id.starts_with("arn:") => {
                write!(f, "aws:{id}@{region}")
            }
            Self::Aws(AwsKey { id, .. }) => write!(f, "aws:{id}"),
            Self::Gcp(GcpKey { project, location, key_ring, key, version }) => write!(
                f,
                "gcp:projects/{project}/locations/{location}/keyRings/{key_ring}/cryptoKeys/{key}/\
                 {GCP_VERSIONS}/{version}"
            ),
        }
    }
}

impl TryFrom<String> for RemoteKey {
    type Error = RemoteKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RemoteKey> for String {
    fn from(key: RemoteKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    fn aws(id: &str, region: Option<&str>) -> RemoteKey {
        RemoteKey::Aws(AwsKey { id: id.to_owned(), region: region.map(str::to_owned) })
    }

    #[test]
    fn keys_are_read_and_shown_alike() {
        let arn = format!("arn:aws:kms:eu-central-1:111122223333:key/{UUID}");
        let alias = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/oml/host";
        let multi = format!("mrk-{}", "0a".repeat(16));
        let path = "projects/example.com:oml/locations/europe-west1/keyRings/r-1/cryptoKeys/host/\
                    cryptoKeyVersions/7";
        let gcp = GcpKey {
            project: "example.com:oml".to_owned(),
            location: "europe-west1".to_owned(),
            key_ring: "r-1".to_owned(),
            key: "host".to_owned(),
            version: 7,
        };
        let cases = [
            (format!("aws:{UUID}"), aws(UUID, None)),
            (format!("aws:{UUID}@ap-southeast-2"), aws(UUID, Some("ap-southeast-2"))),
            (format!("aws:{multi}"), aws(&multi, None)),
            ("aws:alias/oml@eu-central-1".to_owned(), aws("alias/oml", Some("eu-central-1"))),
            (format!("aws:{arn}"), aws(&arn, Some("eu-central-1"))),
            (format!("aws:{alias}"), aws(alias, Some("us-gov-west-1"))),
            (format!("gcp:{path}"), RemoteKey::Gcp(gcp)),
        ];
        for (text, expected) in cases {
            let key: RemoteKey = text.parse().unwrap();
            assert_eq!(key, expected, "{text}");
            assert_eq!(key.to_string(), text);
        }
        let same = format!("aws:{arn}@eu-central-1").parse::<RemoteKey>().unwrap();
        assert_eq!(same, aws(&arn, Some("eu-central-1")));
    }

    #[test]
    fn what_names_no_key_is_told_why() {
        let in_aws = "arn:aws:kms:eu-central-1:111122223333";
        let ring = "gcp:projects/p/locations/global/keyRings/r";
        let cases = [
            ("".to_owned(), "\"\" names no remote key; write aws:"),
            ("azure:x".to_owned(), "\"azure:x\" names no remote key"),
            ("aws:".to_owned(), "\"\" is no key of AWS KMS: it is empty"),
            ("aws:1234".to_owned(), "\"1234\" is no key of AWS KMS: neither an id nor an alias"),
            ("aws:alias/".to_owned(), "an alias has letters"),
            ("aws:alias/a b".to_owned(), "an alias has letters"),
            (format!("aws:{UUID}@"), "\"\" is no region of AWS; write @ and its code"),
            (format!("aws:{UUID}@Frankfurt"), "\"Frankfurt\" is no region"),
            (format!("aws:{in_aws}:key/{UUID}@us-east-1"), "leave @us-east-1 out"),
            (format!("aws:{in_aws}:key/1"), "neither an id nor an alias"),
            (format!("aws:{in_aws}:{UUID}"), "names neither key/ID nor alias/NAME"),
            ("aws:arn:aws:kms:eu-central-1".to_owned(), "six parts"),
            ("aws:arn:aws:s3:eu-central-1:111122223333:key/x".to_owned(), "not of KMS"),
            ("aws:arn:aws:kms:eu-central-1:1:key/x".to_owned(), "account is not 12 digits"),
            ("aws:arn:aws:kms::111122223333:key/x".to_owned(), "\"\" is no region"),
            ("gcp:".to_owned(), "projects/… is missing or malformed"),
            (ring.to_owned(), "cryptoKeys/… is missing or malformed"),
            (format!("{ring}/cryptoKeys/k"), "cryptoKeyVersions/… is missing or malformed"),
            (format!("{ring}/cryptoKeys//cryptoKeyVersions/1"), "cryptoKeys/… is missing"),
            (format!("{ring}/cryptoKeys/k/cryptoKeyVersions/0"), "version \"0\" of the key"),
            (format!("{ring}/cryptoKeys/k/cryptoKeyVersions/new"), "such as 1"),
            (format!("{ring}/cryptoKeys/k/cryptoKeyVersions/1/x"), "the end of the path"),
        ];
        for (text, expected) in cases {
            let found = text.parse::<RemoteKey>().unwrap_err().to_string();
            assert!(found.contains(expected), "{text:?} gave {found:?}");
        }
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_shown() {
        let key = "ac09".repeat(16);
        for text in [&key, &format!("0x{key}"), &format!("aws:0x{key}"), "ac09 junk"] {
            let found = text.parse::<RemoteKey>().unwrap_err().to_string();
            assert!(!found.contains("ac09") && found.contains("is not shown"), "{found}");
        }
    }
}
