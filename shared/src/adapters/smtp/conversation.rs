//! One conversation with the mail server: connected, encrypted, logged in, one letter, farewell.
//!
//! lettre's own transport waits for the answer to its farewell before it tells that the letter was taken: a server that
//! is silent then would get the letter again and again.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use crate::mail::{MailServer, MailTls};

/// For the farewell after a letter, which nobody waits for.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(2);

/// A server, and how it is spoken to.
pub(super) struct Way {
    host: String,
    port: u16,
    tls: MailTls,
    parameters: Option<TlsParameters>,
    credentials: Option<Credentials>,
    connect_patience: Duration,
}

/// How far a conversation came.
pub(super) enum Broken {
    /// Before the letter was spoken of: it says nothing about the letter or who is to get it.
    BeforeTheLetter(Error),
    /// After that.
    AtTheLetter(Error),
}

impl Way {
    /// # Errors
    /// When the host has no certificates to trust, or the server's name is none for TLS.
    pub(super) fn new(server: &MailServer, connect_patience: Duration) -> Result<Self, Error> {
        let parameters = match server.tls {
            MailTls::None => None,
            MailTls::Opportunistic | MailTls::Required | MailTls::Wrapped => {
                Some(TlsParameters::new(server.host.clone())?)
            }
        };
        let credentials = server.user.as_ref().map(|user| {
            let password = server.password.clone().unwrap_or_default();
            Credentials::new(user.clone(), password)
        });
        Ok(Self {
            host: server.host.clone(),
            port: server.port,
            tls: server.tls,
            parameters,
            credentials,
            connect_patience,
        })
    }

    /// Returns when the server has taken the letter.
    pub(super) async fn hand_over(&self, envelope: &Envelope, message: &[u8]) -> Result<(), Broken> {
        let mut connection = self.open().await.map_err(Broken::BeforeTheLetter)?;
        let sent = connection.send(envelope, message).await;
        sent.map_err(Broken::AtTheLetter)?;
        tokio::spawn(async move {
            let _ = tokio::time::timeout(FAREWELL_PATIENCE, connection.abort()).await;
        });
        Ok(())
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Error> {
        let hello = ClientId::default();
        let wrapped = match self.tls {
            MailTls::Wrapped => self.parameters.clone(),
            MailTls::None | MailTls::Opportunistic | MailTls::Required => None,
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(self.connect_patience),
            &hello,
            wrapped,
            None,
        )
        .await?;
        let upgrade = match self.tls {
            MailTls::None | MailTls::Wrapped => false,
            MailTls::Opportunistic => connection.can_starttls(),
            MailTls::Required => true,
        };
        if let Some(parameters) = self.parameters.clone().filter(|_| upgrade) {
            connection.starttls(parameters, &hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}
