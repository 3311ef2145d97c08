//! Licenses, channels and offers as flags name them: by a file, or by an id of which the chain
//! gives what the file would hold.

use crate::flags::Global;
use eyre::Result;
use oml_client::files::{ChannelFile, LicenseFile};
use oml_client::{files, license, offer, recover, registry};
use oml_contracts::Terms;
use std::path::Path;
use std::str::FromStr;

/// The id that a person typed, unless there is a file of that name.
fn id<T: FromStr>(named: &Path) -> Option<T> {
    if files::is_there(named) { None } else { named.to_str()?.parse().ok() }
}

impl Global {
    /// The license that a person names.
    pub(crate) async fn license(&self, named: &Path) -> Result<LicenseFile> {
        match id(named) {
            Some(id) => Ok(license::of_id(&self.reading().await?, id).await?),
            None => Ok(LicenseFile::load(named)?),
        }
    }

    /// The channel that a person names.
    pub(crate) async fn channel(&self, named: &Path) -> Result<ChannelFile> {
        match id(named) {
            Some(id) => Ok(recover::channel(&self.reading().await?, id).await?),
            None => Ok(ChannelFile::load(named)?),
        }
    }

    /// The terms of the offer that a person names.
    pub(crate) async fn terms(&self, named: &Path) -> Result<Terms> {
        match id(named) {
            Some(id) => Ok(registry::terms(&self.reading().await?, id).await?),
            None => Ok(offer::load_terms(named)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::LicenseId;

    #[test]
    fn a_file_goes_before_an_id() {
        let dir = tempfile::tempdir().unwrap();
        let text = LicenseId::new([7; 32]).to_string();
        assert_eq!(id(Path::new(&text)), Some(LicenseId::new([7; 32])));
        assert_eq!(id::<LicenseId>(Path::new("license.json")), None);
        assert_eq!(id::<LicenseId>(Path::new("0x07")), None);
        let file = dir.path().join("f");
        std::fs::write(&file, "").unwrap();
        assert_eq!(id::<LicenseId>(&file), None);
    }
}
