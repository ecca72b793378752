//! Who may be sent mail: the recipients of the configuration, and what an operator allows beside them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::MailAddress;
use super::address::is_domain;

/// The recipients that are allowed. By default nobody is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedRecipients(BTreeSet<Allowed>);

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allowed {
    /// This one.
    Address(MailAddress),
    /// Everybody at this domain, not at those below it. In lower case.
    Domain(String),
}

/// A text that is neither an address nor a domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address like ann@example.com nor a domain like @example.com")]
pub struct AllowedFault(String);

impl AllowedRecipients {
    /// Allows these entries, and these recipients whatever the entries are.
    pub fn new<'a>(
        entries: impl IntoIterator<Item = Allowed>,
        recipients: impl IntoIterator<Item = &'a MailAddress>,
    ) -> Self {
        let recipients = recipients.into_iter().cloned().map(Allowed::Address);
        Self(entries.into_iter().chain(recipients).collect())
    }

    /// Whether mail may be sent there.
    #[must_use]
    pub fn contains(&self, address: &MailAddress) -> bool {
        self.0.iter().any(|allowed| match allowed {
            Allowed::Address(allowed) => allowed == address,
            Allowed::Domain(domain) => domain == address.domain(),
        })
    }
}

impl FromStr for Allowed {
    type Err = AllowedFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || AllowedFault(text.to_owned());
        match text.trim().strip_prefix('@') {
            Some(domain) if is_domain(domain) => Ok(Self::Domain(domain.to_ascii_lowercase())),
            Some(_) => Err(fault()),
            // Whoever writes this means a domain, and it is the name of nobody.
            None if text.contains('*') => Err(fault()),
            None => text.parse().map(Self::Address).map_err(|_| fault()),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Domain(domain) => write!(f, "@{domain}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_allows_its_own_addresses_only() {
        let address = |text: &str| text.parse::<MailAddress>().unwrap();
        let entries = ["@Example.com", "bob@other.org"].map(|text| text.parse().unwrap());
        let allowed = AllowedRecipients::new(entries, [&address("boss@elsewhere.net")]);
        for text in [
            "ann@example.com",
            "ANN@EXAMPLE.COM",
            "bob@other.org",
            "boss@elsewhere.net",
        ] {
            assert!(allowed.contains(&address(text)), "{text}");
        }
        for text in [
            "ann@mail.example.com",
            "ann@notexample.com",
            "ann@other.org",
            "ann@elsewhere.net",
        ] {
            assert!(!allowed.contains(&address(text)), "{text}");
        }
        assert!(!AllowedRecipients::default().contains(&address("ann@example.com")));
        for text in ["", "@", "example.com", "@a b", "*@example.com"] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
