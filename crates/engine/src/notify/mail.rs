//! Outgoing mail.

use std::fmt;
use std::time::Duration;

use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

/// Time one exchange with the mail server may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How connections to the mail server are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailEncryption {
    /// Plain first, then TLS; a server without it is refused.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None: only for a server on this machine.
    None,
}

/// Settings of outgoing mail.
#[derive(Clone)]
pub struct MailSettings {
    /// Host of the mail server.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Encryption.
    pub encryption: MailEncryption,
    /// User name and password.
    pub credentials: Option<(String, entente_connect::settings::Secret)>,
    /// Sender (`Entente <entente@example.com>`).
    pub from: String,
}

/// Why a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It may be sent later.
    #[error("the mail server did not take the mail ({reason}); it is tried again")]
    Retry {
        /// What the server or the network said.
        reason: String,
    },
    /// The server refused it for good, or it cannot be written.
    #[error("the mail cannot be sent ({reason}); check [notify.smtp] and the address")]
    Refused {
        /// What the server said.
        reason: String,
    },
}

/// Sends mails through one server, over pooled connections.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from.email.to_string()).finish_non_exhaustive()
    }
}

impl Mailer {
    /// Prepares sending; makes no connection.
    ///
    /// # Errors
    /// [`MailError::Refused`] when the sender is no address or the host cannot be verified by TLS.
    pub fn new(settings: &MailSettings) -> Result<Self, MailError> {
        let refused = |reason: String| MailError::Refused { reason };
        let from = settings.from.parse().map_err(|error| refused(format!("`{}` is no sender: {error}", settings.from)))?;
        let tls = || TlsParameters::new(settings.host.clone()).map_err(|error| refused(error.to_string()));
        let encryption = match settings.encryption {
            MailEncryption::StartTls => Tls::Required(tls()?),
            MailEncryption::Tls => Tls::Wrapper(tls()?),
            MailEncryption::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(encryption)
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = &settings.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        Ok(Self { transport: builder.build(), from })
    }

    /// Sends one mail of plain text.
    ///
    /// # Errors
    /// By what is to be done.
    pub async fn send(&self, to: &str, subject: &str, text: &str) -> Result<(), MailError> {
        let refused = |reason: String| MailError::Refused { reason };
        let to: Mailbox = to.parse().map_err(|error| refused(format!("the address cannot be used: {error}")))?;
        // A line break in a subject would begin a header of its own.
        let subject: String = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let mail = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .body(text.to_owned())
            .map_err(|error| refused(error.to_string()))?;
        match self.transport.send(mail).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() || error.is_client() => Err(refused(error.to_string())),
            Err(error) => Err(MailError::Retry { reason: error.to_string() }),
        }
    }
}
