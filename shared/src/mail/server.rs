//! Where the mail server is, how the way there is protected, and how to log in, as a URL says it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct MailServer {
    /// A name or an address of IP, the latter of version 6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Who logs in, where the server asks for it.
    pub user: Option<String>,
    /// The password of the user.
    pub password: Option<String>,
}

/// The protection of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// None.
    None,
    /// STARTTLS where the server offers it.
    Opportunistic,
    /// STARTTLS, or no mail.
    Required,
    /// TLS from the first byte.
    Wrapped,
}

/// A text that is no address of a mail server. It never repeats the text: there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has to be an address like smtps://user:password@host or smtp://host:25?tls=required: {reason}")]
pub struct MailServerFault {
    /// What is wrong with it.
    pub reason: &'static str,
}

impl MailServer {
    /// Whether a password would go over the network as it is. On the host itself nobody listens.
    #[must_use]
    pub fn shows_its_password(&self) -> bool {
        let is_loopback = self.host == "localhost"
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        let may_be_plain = matches!(self.tls, MailTls::None | MailTls::Opportunistic);
        self.password.is_some() && may_be_plain && !is_loopback
    }
}

impl FromStr for MailServer {
    type Err = MailServerFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = |reason| MailServerFault { reason };
        let url = Url::parse(text).map_err(|_| fault("it is no URL"))?;
        let (tls, port) = match (url.scheme(), tls_of(&url)?) {
            ("smtp", tls) => (tls.unwrap_or(MailTls::None), 25),
            ("smtps", None | Some(MailTls::Required)) => (MailTls::Wrapped, 465),
            ("smtps", Some(_)) => return Err(fault("smtps:// is TLS from the first byte")),
            _ => return Err(fault("it must begin with smtp:// or smtps://")),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(fault("nothing but ?tls= may follow the host"));
        }
        let host = match url.host().ok_or(fault("it names no host"))? {
            Host::Domain("") => return Err(fault("it names no host")),
            Host::Domain(name) => name.to_ascii_lowercase(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let decoded = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(Cow::into_owned)
                .map_err(|_| fault("user and password have to be UTF-8"))
        };
        let user = (!url.username().is_empty())
            .then(|| decoded(url.username()))
            .transpose()?;
        let password = url.password().map(decoded).transpose()?;
        if user.is_none() && password.is_some() {
            return Err(fault("it has a password and no user"));
        }
        let port = url.port().unwrap_or(port);
        Ok(Self {
            host,
            port,
            tls,
            user,
            password,
        })
    }
}

fn tls_of(url: &Url) -> Result<Option<MailTls>, MailServerFault> {
    let mut tls = None;
    for (name, value) in url.query_pairs() {
        tls = match (&*name, &*value) {
            ("tls", "none") => Some(MailTls::None),
            ("tls", "opportunistic") => Some(MailTls::Opportunistic),
            ("tls", "required") => Some(MailTls::Required),
            _ => {
                return Err(MailServerFault {
                    reason: "its only parameter is tls, which is none, opportunistic or required",
                });
            }
        };
    }
    Ok(tls)
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailServer")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_host_protection_and_login() {
        let read = |text: &str| text.parse::<MailServer>().unwrap();
        let plain = read("smtp://mail.example.com");
        assert_eq!((plain.port, plain.tls, plain.user), (25, MailTls::None, None));
        let started = read("smtp://me%40example.com:p%40ss@Mail.example.com:587?tls=required");
        assert_eq!((started.port, started.tls), (587, MailTls::Required));
        assert_eq!(started.host, "mail.example.com");
        assert_eq!(started.user.as_deref(), Some("me@example.com"));
        assert_eq!(started.password.as_deref(), Some("p@ss"));
        assert!(!format!("{started:?}").contains("p@ss"));
        let wrapped = read("smtps://me:x@[::1]/");
        assert_eq!(
            (wrapped.host.as_str(), wrapped.port, wrapped.tls),
            ("::1", 465, MailTls::Wrapped)
        );
    }

    #[test]
    fn what_makes_no_sense_says_why_and_repeats_nothing() {
        for text in [
            "mail.example.com",
            "http://secret@h",
            "smtp://",
            "smtp://:secret@h",
            "smtp://h/secret",
            "smtp://h?tls=secret",
            "smtp://h?secret=1",
            "smtps://h?tls=none",
            "smtp://h#secret",
            "smtp://h:99999",
        ] {
            let fault = text.parse::<MailServer>().unwrap_err().to_string();
            assert!(!fault.contains("secret"), "{text}: {fault}");
        }
    }

    #[test]
    fn a_password_goes_over_no_network_as_it_is() {
        for (text, shown) in [
            ("smtp://me:x@mail.example.com", true),
            ("smtp://me:x@mail.example.com?tls=opportunistic", true),
            ("smtp://me:x@mail.example.com?tls=required", false),
            ("smtps://me:x@mail.example.com", false),
            ("smtp://me:x@127.0.0.1:2525", false),
            ("smtp://me:x@localhost", false),
            ("smtp://mail.example.com", false),
        ] {
            assert_eq!(
                text.parse::<MailServer>().unwrap().shows_its_password(),
                shown,
                "{text}"
            );
        }
    }
}
