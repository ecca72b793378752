//! Where values come from: defaults, file, environment, flags. The only place that reads the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{KEYS, Key};

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Compiled in.
    Default,
    /// `--config`.
    File,
    /// A `CENSUS_*` variable.
    Environment,
    /// A flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// The variables of a process; tests make their own.
#[derive(Clone, Debug, Default)]
pub struct Environment(pub Vec<(String, String)>);

impl Environment {
    /// The variables of this process that begin with `CENSUS_`.
    ///
    /// # Errors
    /// [`NotText`] names one of a key whose value is not UTF-8.
    pub fn of_process() -> Result<Self, NotText> {
        Self::of(std::env::vars_os())
    }

    fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, NotText> {
        let ours = variables.filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            name.starts_with("CENSUS_").then_some((name, value))
        });
        let texts = ours.map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) if key_of(&name).is_some() => Err(NotText { variable: name }),
            // It is warned of by its name, whatever it holds.
            Err(value) => Ok((name, value.to_string_lossy().into_owned())),
        });
        texts.collect::<Result<_, _>>().map(Self)
    }
}

/// A variable whose value is not UTF-8.
#[derive(Debug, thiserror::Error)]
#[error("the value of the variable {variable} is not UTF-8")]
pub struct NotText {
    /// Its name.
    variable: String,
}

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// It cannot be read.
    #[error("the configuration file {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is not TOML.
    #[error("the configuration file {} is not TOML", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected.
        #[source]
        source: toml::de::Error,
    },
    /// It holds a key that Census does not know.
    #[error("the configuration file {} holds the unknown key `{key}`; `api config` lists those that there are", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A value is a table, an array of other things than texts, or a date.
    #[error("`{key}` in {} has to be a text, a number or a list of texts", path.display())]
    NotAValue {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
}

/// The value of every key as text, and where it came from.
#[derive(Clone, Debug)]
pub struct Values {
    values: BTreeMap<&'static str, (String, Origin)>,
    /// Sentences for the log: things that are not wrong enough to stop.
    pub warnings: Vec<String>,
}

impl Values {
    /// Lays the layers over one another. `flags` name keys.
    ///
    /// # Errors
    /// [`FileFault`] when the file cannot be used.
    pub fn layered(
        file: Option<&Path>,
        environment: &Environment,
        flags: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self, FileFault> {
        let mut this = Self {
            values: BTreeMap::new(),
            warnings: Vec::new(),
        };
        for key in KEYS {
            this.set(key, key.default.to_owned(), Origin::Default);
        }
        if let Some(path) = file {
            this.read_file(path)?;
        }
        this.read_environment(environment);
        for (name, value) in flags {
            let key = Key::by_name(name).expect("a binary names only keys of the table");
            this.set(key, value, Origin::Flag);
        }
        Ok(this)
    }

    /// The value of a key and where it came from.
    ///
    /// # Panics
    /// When the table has no such key.
    #[must_use]
    pub fn get(&self, key: &'static str) -> (&str, Origin) {
        let (value, origin) = self.values.get(key).expect("every key of the table has a value");
        (value, *origin)
    }

    /// One line for each key: name, value, origin and purpose, with secrets masked.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut lines = String::new();
        for key in KEYS {
            let (value, origin) = self.get(key.name);
            let value = if key.secret && !value.is_empty() {
                masked(value)
            } else {
                value.to_owned()
            };
            lines.push_str(&format!(
                "{:<25} = {value:<40} # {origin}: {}\n",
                key.name, key.about
            ));
        }
        lines
    }

    fn set(&mut self, key: &'static Key, value: String, origin: Origin) {
        self.values.insert(key.name, (value, origin));
    }

    fn read_file(&mut self, path: &Path) -> Result<(), FileFault> {
        let text = std::fs::read_to_string(path).map_err(|source| FileFault::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let table: toml::Table = text.parse().map_err(|source| FileFault::NotToml {
            path: path.to_owned(),
            source,
        })?;
        for (name, value) in table {
            let Some(key) = Key::by_name(&name) else {
                return Err(FileFault::UnknownKey {
                    path: path.to_owned(),
                    key: name,
                });
            };
            let text = toml_text(&value).ok_or_else(|| FileFault::NotAValue {
                path: path.to_owned(),
                key: name,
            })?;
            self.set(key, text, Origin::File);
        }
        Ok(())
    }

    fn read_environment(&mut self, environment: &Environment) {
        for (name, value) in &environment.0 {
            match key_of(name) {
                Some(key) => {
                    if !value.is_empty() {
                        self.set(key, value.clone(), Origin::Environment);
                    }
                }
                None => self
                    .warnings
                    .push(format!("the variable {name} is not one of Census and is ignored")),
            }
        }
    }
}

/// The key that a variable sets.
fn key_of(variable: &str) -> Option<&'static Key> {
    let name = variable.strip_prefix("CENSUS_")?.to_ascii_lowercase();
    Key::by_name(&name).filter(|key| key.environment() == variable)
}

fn toml_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(items) => items
            .iter()
            .map(toml::Value::as_str)
            .collect::<Option<Vec<_>>>()
            .map(|texts| texts.join(",")),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// `amqp://user:***@host` for a URL with a password.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "***".to_owned();
    };
    // The last `@` ends the credentials, whatever a password holds.
    match rest.rsplit_once('@') {
        Some((credentials, host)) => {
            let user = credentials.split_once(':').map_or(credentials, |(user, _)| user);
            format!("{scheme}://{user}:***@{host}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn the_later_layer_wins_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("census.toml");
        std::fs::write(
            &file,
            "lease = \"20s\"\nmax_events = 7\nrole = [\"userevents\"]\nlog = \"warn\"\n",
        )
        .unwrap();
        let variables = environment(&[("CENSUS_LEASE", "30s"), ("CENSUS_LOG", "")]);
        let values = Values::layered(Some(&file), &variables, [("lease", "40s".to_owned())]).unwrap();
        assert_eq!(values.get("lease"), ("40s", Origin::Flag));
        assert_eq!(values.get("max_events"), ("7", Origin::File));
        assert_eq!(values.get("role"), ("userevents", Origin::File));
        assert_eq!(
            values.get("log"),
            ("warn", Origin::File),
            "an empty variable is unset"
        );
        assert_eq!(values.get("retention"), ("7d", Origin::Default));
    }

    #[test]
    fn an_unknown_variable_is_one_warning_and_an_unknown_key_of_the_file_a_fault() {
        let values = Values::layered(None, &environment(&[("CENSUS_PORT_8000_TCP", "x")]), []).unwrap();
        assert_eq!(values.warnings.len(), 1);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("census.toml");
        std::fs::write(&file, "leese = \"20s\"\n").unwrap();
        let fault = Values::layered(Some(&file), &Environment::default(), []).unwrap_err();
        assert!(fault.to_string().contains("`leese`"), "{fault}");
    }

    #[test]
    fn a_variable_that_is_not_utf8_is_named_unless_it_is_not_ours() {
        use std::os::unix::ffi::OsStringExt as _;
        let bad = || OsString::from_vec(b"\xff".to_vec());
        let variable = |name: &str| std::iter::once((OsString::from(name), bad()));
        let fault = Environment::of(variable("CENSUS_LISTEN")).unwrap_err();
        assert!(fault.to_string().contains("CENSUS_LISTEN"), "{fault}");
        assert!(Environment::of(variable("LISTEN")).unwrap().0.is_empty());
        let unknown = Environment::of(variable("CENSUS_PORT")).unwrap();
        assert_eq!(Values::layered(None, &unknown, []).unwrap().warnings.len(), 1);
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(
            masked("amqp://me:p@ss/w@host:5672/%2f"),
            "amqp://me:***@host:5672/%2f"
        );
        assert_eq!(masked("amqp://host/%2f"), "amqp://host/%2f");
        assert!(
            !Values::layered(None, &Environment::default(), [])
                .unwrap()
                .shown()
                .contains("guest:guest")
        );
    }
}
