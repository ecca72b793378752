//! Where RabbitMQ is and how to log in, as an `amqp://` URL says it.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

const DEFAULT_PORT: u16 = 5672;

/// `amqp://user:password@host:port/vhost`; what is left out is `guest`, `guest`, 5672 and `/`.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) virtual_host: String,
}

/// A text that is no address of RabbitMQ. It never repeats the text: there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a URL like amqp://user:password@host:5672/%2f: {reason}")]
pub struct AddressFault {
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for Address {
    type Err = AddressFault;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let fault = |reason| AddressFault { reason };
        let rest = url
            .strip_prefix("amqp://")
            .ok_or(fault("it must begin with amqp://"))?;
        if rest.contains(['?', '#']) {
            return Err(fault("it takes no parameters"));
        }
        let (authority, virtual_host) = rest.split_once('/').unwrap_or((rest, "%2f"));
        let (login, host) = authority.rsplit_once('@').unwrap_or(("guest:guest", authority));
        let (username, password) = login.split_once(':').unwrap_or((login, "guest"));
        let (host, port) = split_port(host)?;
        if host.is_empty() {
            return Err(fault("it names no host"));
        }
        let virtual_host = if virtual_host.is_empty() {
            "%2f"
        } else {
            virtual_host
        };
        if virtual_host.contains('/') {
            return Err(fault("a slash in the virtual host is written %2f"));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            username: decoded(username)?,
            password: decoded(password)?,
            virtual_host: decoded(virtual_host)?,
        })
    }
}

/// The host, without the brackets of an IPv6 address, and the port.
fn split_port(host: &str) -> Result<(&str, u16), AddressFault> {
    let fault = AddressFault {
        reason: "its port is not a number up to 65535",
    };
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, port)) => (address, Some(port.strip_prefix(':').ok_or(fault)?)),
        None => host
            .split_once(':')
            .map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| fault))?;
    Ok((host, port))
}

fn decoded(part: &str) -> Result<String, AddressFault> {
    let part = percent_decode_str(part).decode_utf8().map_err(|_| AddressFault {
        reason: "its escapes are not UTF-8",
    })?;
    Ok(part.into_owned())
}

/// Without the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Without the password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (String, u16, String, String, String) {
        let Address {
            host,
            port,
            username,
            password,
            virtual_host,
        } = url.parse().unwrap();
        (host, port, username, password, virtual_host)
    }

    #[test]
    fn the_default_address_is_read() {
        let guest = |host: &str, port, vhost: &str| {
            (
                host.to_owned(),
                port,
                "guest".to_owned(),
                "guest".to_owned(),
                vhost.to_owned(),
            )
        };
        assert_eq!(
            parts("amqp://guest:guest@127.0.0.1:5672/%2f"),
            guest("127.0.0.1", 5672, "/")
        );
        assert_eq!(parts("amqp://rabbit"), guest("rabbit", 5672, "/"));
        assert_eq!(parts("amqp://[::1]:5673/census"), guest("::1", 5673, "census"));
    }

    #[test]
    fn escapes_in_the_login_are_read_and_the_password_is_never_shown() {
        let address: Address = "amqp://a%40b:s%2Fcret@host/x".parse().unwrap();
        assert_eq!(
            (address.username.as_str(), address.password.as_str()),
            ("a@b", "s/cret")
        );
        assert!(!format!("{address} {address:?}").contains("cret"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "amqps://host",
            "http://host",
            "amqp://",
            "amqp://h:x",
            "amqp://h/a/b",
            "amqp://h?heartbeat=1",
        ] {
            assert!(url.parse::<Address>().is_err(), "{url}");
        }
    }
}
