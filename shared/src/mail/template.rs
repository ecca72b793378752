//! Subject and bodies of a mail as templates; each has one compiled in, and an operator may bring others.

use std::fmt;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

const SUBJECT: &str = "subject";
const TEXT: &str = "report.txt";
const HTML: &str = "report.html";

/// Characters of a subject; more is cut.
const SUBJECT_MAX: usize = 200;

/// What a mail says of a report. Its members are the names that a template can use.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Facts {
    /// `city`, `state` or `country`.
    pub(super) group_by: &'static str,
    /// What one row stands for, in the plural.
    pub(super) row_name: &'static str,
    /// When the counts were read.
    pub(super) generated_at: String,
    /// The slot of the schedule that asked for the report.
    pub(super) slot: Option<String>,
    /// Distinct users over all rows.
    pub(super) users: u64,
    /// Events over all rows.
    pub(super) events: u64,
    /// How many rows the report has.
    pub(super) rows_total: u64,
    /// Records that are not counted.
    pub(super) quarantined: u64,
    /// The first rows.
    pub(super) rows: Vec<FactRow>,
    /// Rows that are only in the attached file.
    pub(super) rows_more: u64,
    /// Rows that not even the attached file has.
    pub(super) rows_left_out: u64,
    /// Where the job can be read, when a public URL is configured.
    pub(super) link: Option<String>,
}

/// One place in a mail.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct FactRow {
    /// City, state and country, as far as the report tells them apart.
    pub(super) place: String,
    /// Distinct users at the place.
    pub(super) users: u64,
    /// Events at the place.
    pub(super) events: u64,
    /// The users in percent of the first row's, at least 1.
    pub(super) percent: u64,
    /// The row with its numbers in columns, for a font of one width.
    pub(super) line: String,
}

/// A subject, a text and HTML in the language of minijinja. Cheap to clone.
#[derive(Clone)]
pub struct Templates(Arc<Environment<'static>>);

/// A template that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the template {name} cannot be used: {reason}")]
pub struct TemplateFault {
    /// Which one.
    name: &'static str,
    /// What is wrong with it, and where.
    reason: String,
}

/// The three texts of one mail.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl Templates {
    /// These templates, and those that are compiled in where there is none. Each is tried once.
    ///
    /// # Errors
    /// The first that cannot be read, or that names what no mail has.
    pub fn new(subject: Option<&str>, text: Option<&str>, html: Option<&str>) -> Result<Self, TemplateFault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // What comes from users stands in HTML as text, whatever a template forgets.
        environment.set_auto_escape_callback(|name| {
            if name == HTML {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        for (name, own, built_in) in [
            (SUBJECT, subject, include_str!("subject.txt")),
            (TEXT, text, include_str!("report.txt")),
            (HTML, html, include_str!("report.html")),
        ] {
            environment
                .add_template_owned(name, own.unwrap_or(built_in).to_owned())
                .map_err(|error| fault(name, &error))?;
        }
        let templates = Self(Arc::new(environment));
        templates.render(&Facts::sample())?;
        Ok(templates)
    }

    pub(super) fn render(&self, facts: &Facts) -> Result<Rendered, TemplateFault> {
        let render = |name| {
            let template = self.0.get_template(name);
            template
                .and_then(|template| template.render(Serde(facts)))
                .map_err(|error| fault(name, &error))
        };
        Ok(Rendered {
            subject: one_line(&render(SUBJECT)?),
            text: render(TEXT)?,
            html: render(HTML)?,
        })
    }
}

impl Default for Templates {
    fn default() -> Self {
        Self::new(None, None, None).expect("the templates that are compiled in are tested")
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Templates")
    }
}

/// A header ends with its line: what would break it becomes a space.
fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<_> = spaced.split_whitespace().collect();
    words.join(" ").chars().take(SUBJECT_MAX).collect()
}

fn fault(name: &'static str, error: &minijinja::Error) -> TemplateFault {
    let line = error.line().map(|line| format!(", line {line}"));
    TemplateFault {
        name,
        reason: format!("{error}{}", line.unwrap_or_default()),
    }
}

impl Facts {
    /// Something for every name, so that a trial meets each.
    fn sample() -> Self {
        Self {
            group_by: "city",
            row_name: "cities",
            slot: Some(String::new()),
            link: Some(String::new()),
            quarantined: 1,
            rows: vec![FactRow::default()],
            rows_more: 1,
            rows_left_out: 1,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(place: &str) -> Facts {
        Facts {
            rows: vec![FactRow {
                place: place.to_owned(),
                ..FactRow::default()
            }],
            ..Facts::sample()
        }
    }

    #[test]
    fn what_users_wrote_is_text_in_html_and_no_line_of_a_header() {
        let own = Templates::new(
            Some("at {{ rows[0].place }}"),
            None,
            Some("<b>{{ rows[0].place }}</b>"),
        );
        let rendered = own
            .unwrap()
            .render(&facts("<script>\r\nBcc: eve@example.com"))
            .unwrap();
        assert_eq!(rendered.subject, "at <script> Bcc: eve@example.com");
        assert!(
            rendered.html.starts_with("<b>&lt;script&gt;"),
            "{}",
            rendered.html
        );
        let built_in = Templates::default().render(&facts("<script>")).unwrap();
        assert!(built_in.html.contains("&lt;script&gt;") && !built_in.html.contains("<script>"));
        assert!(built_in.text.contains("users"));
    }

    #[test]
    fn a_template_is_tried_before_it_is_used() {
        for (subject, text) in [
            ("{{ users", ""),
            ("{{ secrets }}", ""),
            ("", "{% for row in rows %}"),
            ("", "{{ rows[0].zip }}"),
        ] {
            let fault = Templates::new(Some(subject), Some(text), None).unwrap_err();
            assert!(fault.to_string().contains("cannot be used"), "{fault}");
        }
    }
}
