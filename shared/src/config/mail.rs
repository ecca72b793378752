//! Mail: the server, who sends, who may be written to, the templates, and the schedule that needs no request.

use std::path::Path;

use super::value::Taker;
use crate::job::{GroupBy, ReportRequest};
use crate::mail::{Allowed, AllowedRecipients, MailAddress, MailServer, Mailbox, Templates};
use crate::schedule::{Cadence, Every, Missed, ScheduleRule};

/// Mail and the configured schedule.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Where mail goes out; `None` is off.
    pub post: Option<Post>,
    /// Who may be written to.
    pub allowed: AllowedRecipients,
    /// Subject and bodies.
    pub templates: Templates,
    /// The schedule of the configuration; `None` is off.
    pub schedule: Option<ScheduleRule>,
}

/// The way out.
#[derive(Clone, Debug)]
pub struct Post {
    /// The server.
    pub server: MailServer,
    /// Who sends.
    pub from: Mailbox,
}

impl MailSettings {
    /// Takes the keys of this concern.
    pub(super) fn take(from: &mut Taker<'_>) -> Self {
        let to = from.take("mail_to", Vec::new(), recipients);
        let entries: Vec<Allowed> = from.take("mail_allow", Vec::new(), |text| {
            parts(text).map(|part| part.parse().map_err(fault)).collect()
        });
        let password = from.optional("mail_password_file", |path| read(Path::new(path)));
        let server = from.optional("mail_url", |url| server(url, password));
        let sender: Option<Mailbox> = from.optional("mail_from", |text| {
            text.parse()
                .map_err(|_| format!("`{text}` is not an address like Census <census@example.com>"))
        });
        let post = match (server, sender) {
            (Some(server), Some(from)) => Some(Post { server, from }),
            (Some(_), None) => from.take("mail_from", None, |text| {
                // One that makes no sense was already told of.
                if text.is_empty() {
                    Err("mail needs a sender, like Census <census@example.com>".to_owned())
                } else {
                    Ok(None)
                }
            }),
            (None, _) => None,
        };
        Self {
            post,
            allowed: AllowedRecipients::new(entries, &to),
            templates: templates(from),
            schedule: from.take("report_every", None, every).map(|every| ScheduleRule {
                cadence: Cadence::Every(every),
                missed: Missed::CatchUpOnce,
                group_by: GroupBy::City,
                mail_to: to,
            }),
        }
    }
}

fn recipients(text: &str) -> Result<Vec<MailAddress>, String> {
    let mut recipients = Vec::new();
    for part in parts(text) {
        let address = part
            .parse()
            .map_err(|_| format!("`{part}` is not an address like ann@example.com"))?;
        if !recipients.contains(&address) {
            recipients.push(address);
        }
    }
    if recipients.len() > ReportRequest::MAIL_TO_MAX {
        return Err(format!(
            "it has {} recipients; at most {} get one report",
            recipients.len(),
            ReportRequest::MAIL_TO_MAX
        ));
    }
    Ok(recipients)
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn every(text: &str) -> Result<Option<Every>, String> {
    if text == "off" {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|fault| format!("`{text}` {fault}, or off"))
}

fn server(url: &str, password: Option<String>) -> Result<MailServer, String> {
    let mut server: MailServer = url.parse().map_err(fault)?;
    if let Some(password) = password {
        if server.user.is_none() || server.password.is_some() {
            return Err("with a password in a file it has to hold a user, and no password".to_owned());
        }
        server.password = Some(password.trim_end_matches(['\r', '\n']).to_owned());
    }
    if server.shows_its_password() {
        return Err("a password would go unprotected: use smtps:// or ?tls=required".to_owned());
    }
    Ok(server)
}

fn templates(from: &mut Taker<'_>) -> Templates {
    let subject = from.optional("mail_subject", |text| {
        Templates::new(Some(text), None, None).map_err(fault)?;
        Ok(text.to_owned())
    });
    from.take("mail_templates", None, |folder| {
        let own = |name| match folder {
            "" => Ok(None),
            folder => read_if_there(&Path::new(folder).join(name)),
        };
        let (text, html) = (own("report.txt")?, own("report.html")?);
        if !folder.is_empty() && text.is_none() && html.is_none() {
            return Err(format!("{folder} holds neither report.txt nor report.html"));
        }
        Templates::new(subject.as_deref(), text.as_deref(), html.as_deref())
            .map(Some)
            .map_err(fault)
    })
    .unwrap_or_default()
}

fn read_if_there(path: &Path) -> Result<Option<String>, String> {
    if path.exists() {
        read(path).map(Some)
    } else {
        Ok(None)
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

fn fault(fault: impl std::fmt::Display) -> String {
    fault.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError, Environment, Values};
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<MailSettings, ConfigError> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let values = Values::layered(None, &Environment(pairs.collect()), []).unwrap();
        Config::from_values(&values).map(|config| config.mail)
    }

    #[test]
    fn mail_is_off_and_a_report_is_made_every_hour_unless_it_is_set_otherwise() {
        let mail = load(&[]).unwrap();
        assert!(mail.post.is_none());
        let schedule = mail.schedule.unwrap();
        assert_eq!(schedule.cadence, Cadence::Every("1h".parse().unwrap()));
        assert!(schedule.mail_to.is_empty());
        assert!(
            load(&[("CENSUS_REPORT_EVERY", "off")])
                .unwrap()
                .schedule
                .is_none()
        );
    }

    #[test]
    fn the_recipients_of_the_configuration_are_always_allowed() {
        let mail = load(&[
            ("CENSUS_MAIL_URL", "smtp://127.0.0.1:2525"),
            ("CENSUS_MAIL_FROM", "Census <census@example.com>"),
            (
                "CENSUS_MAIL_TO",
                "ann@example.com, Ann@example.com,bob@example.com",
            ),
            ("CENSUS_MAIL_ALLOW", "@example.org"),
            ("CENSUS_REPORT_EVERY", "5s"),
        ])
        .unwrap();
        assert_eq!(mail.post.unwrap().server.port, 2525);
        assert_eq!(mail.schedule.unwrap().mail_to.len(), 2);
        let allowed = |text: &str| mail.allowed.contains(&text.parse().unwrap());
        assert!(allowed("ann@example.com") && allowed("cy@example.org") && !allowed("cy@example.com"));
    }

    #[test]
    fn a_password_may_stand_in_a_file_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "p@ss word\n").unwrap();
        let (file, from) = (file.display().to_string(), ("CENSUS_MAIL_FROM", "a@b.c"));
        let with = |url| {
            load(&[
                ("CENSUS_MAIL_URL", url),
                ("CENSUS_MAIL_PASSWORD_FILE", &file),
                from,
            ])
        };
        let post = with("smtps://me@mail.example.com").unwrap().post.unwrap();
        assert_eq!(post.server.password.as_deref(), Some("p@ss word"));
        assert!(!format!("{post:?}").contains("p@ss"));
        for url in [
            "smtps://me:secret@mail.example.com",
            "smtps://mail.example.com",
            "smtp://me@mail.example.com",
        ] {
            let fault = with(url).unwrap_err().to_string();
            assert!(
                fault.contains("`mail_url`") && !fault.contains("secret") && !fault.contains("p@ss"),
                "{fault}"
            );
        }
    }

    #[test]
    fn templates_come_from_a_folder_and_are_tried_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let with = |text: &str| {
            std::fs::write(folder.path().join("report.txt"), text).unwrap();
            load(&[
                ("CENSUS_MAIL_TEMPLATES", &path),
                ("CENSUS_MAIL_SUBJECT", "{{ users }} users"),
            ])
        };
        assert!(with("{{ users }} at {{ rows[0].place }}").is_ok());
        let fault = with("one line\n{{ nothing }}").unwrap_err().to_string();
        assert!(
            fault.contains("`mail_templates`") && fault.contains("report.txt") && fault.contains("line 2"),
            "{fault}"
        );
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_key() {
        for (name, value) in [
            ("CENSUS_MAIL_URL", "mail.example.com"),
            ("CENSUS_MAIL_FROM", "Census"),
            ("CENSUS_MAIL_TO", "ann"),
            ("CENSUS_MAIL_ALLOW", "example.com"),
            ("CENSUS_REPORT_EVERY", "hourly"),
            ("CENSUS_MAIL_SUBJECT", "{{ nothing }}"),
            ("CENSUS_MAIL_TEMPLATES", "/nowhere"),
            ("CENSUS_MAIL_PASSWORD_FILE", "/nowhere"),
        ] {
            let fault = load(&[(name, value)]).unwrap_err().to_string();
            let key = name.strip_prefix("CENSUS_").unwrap().to_lowercase();
            assert!(fault.contains(&format!("`{key}`")), "{name}: {fault}");
        }
        let fault = load(&[("CENSUS_MAIL_URL", "smtp://localhost")])
            .unwrap_err()
            .to_string();
        assert!(fault.contains("`mail_from`"), "{fault}");
    }
}
