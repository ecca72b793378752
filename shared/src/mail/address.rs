//! Addresses of mails: what SMTP takes without quoting, so that none can break out of a header or a command.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `local@domain` in ASCII. Equal whatever the case of its letters, as every server in use treats it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// A text that is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a mail address like ann@example.com")]
pub struct AddressFault;

impl MailAddress {
    /// Characters of an address (RFC 5321 §4.5.3.1.3).
    pub const MAX_LENGTH: usize = 254;
    const MAX_LOCAL: usize = 64;
    const MAX_LABEL: usize = 63;

    /// The address in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for MailAddress {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(AddressFault)?;
        let fits = text.len() <= Self::MAX_LENGTH && local.len() <= Self::MAX_LOCAL;
        if fits && is_dot_atom(local) && is_domain(domain) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(AddressFault)
        }
    }
}

/// RFC 5322 §3.2.3, without comments and quoting.
fn is_dot_atom(local: &str) -> bool {
    let of_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.bytes().all(of_atom))
}

/// Whether the text is a host's name; the last label may not be a number, which would be an address of IP.
pub(super) fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MailAddress::MAX_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for MailAddress {
    type Error = AddressFault;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

/// An address with the name of who is there, as in `Census <census@example.com>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Shown instead of the address.
    pub name: Option<String>,
    /// Where mail goes.
    pub address: MailAddress,
}

impl FromStr for Mailbox {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let Some(named) = text.strip_suffix('>') else {
            let address = text.parse()?;
            return Ok(Self { name: None, address });
        };
        let (name, address) = named.rsplit_once('<').ok_or(AddressFault)?;
        let name = name.trim().trim_matches('"');
        if name.chars().any(char::is_control) {
            return Err(AddressFault);
        }
        Ok(Self {
            name: (!name.is_empty()).then(|| name.to_owned()),
            address: address.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_smtp_takes_without_quoting() {
        for text in [
            "ann@example.com",
            " Ann.Lee+census@Mail.Example.COM ",
            "root@localhost",
            "a@b-c.d",
        ] {
            let address: MailAddress = text.parse().unwrap();
            assert_eq!(address.as_str(), text.trim().to_ascii_lowercase());
        }
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "a b@example.com",
            "ann@exa mple.com",
            "ann@-a.com",
            "ann@a..b",
            ".ann@example.com",
            "ann@example.com\r\nBcc: eve@example.com",
            "ann@example.com>",
            "<ann@example.com",
            "ann@[127.0.0.1]",
            "ann@127.0.0.1",
            "\"a b\"@example.com",
            "ann,bob@example.com",
            "jürgen@example.com",
            "ann@münchen.de",
            "ann@ex\u{0}ample.com",
            &long,
        ] {
            assert_eq!(text.parse::<MailAddress>(), Err(AddressFault), "{text:?}");
        }
    }

    #[test]
    fn a_mailbox_may_have_a_name() {
        let named: Mailbox = "\"Census, weekly\" <Census@example.com>".parse().unwrap();
        assert_eq!(named.name.as_deref(), Some("Census, weekly"));
        assert_eq!(named.address.as_str(), "census@example.com");
        assert_eq!("census@example.com".parse::<Mailbox>().unwrap().name, None);
        for text in ["Census", "Census <>", "Cen\nsus <a@b.c>", "a@b.c <x"] {
            assert_eq!(text.parse::<Mailbox>(), Err(AddressFault), "{text:?}");
        }
    }
}
