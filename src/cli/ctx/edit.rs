//! The settings as a text that is changed in place: comments, order and what we do not know stay as they are.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::cli::exit::{CommandError, Exit};
use crate::cli::reach::{broken, paths};
use crate::config::{self, Config};

const CONTEXTS: &str = "contexts";

/// The file with its changes so far.
pub struct Settings {
    file: PathBuf,
    document: DocumentMut,
    /// What the file says now, changes included.
    pub config: Config,
}

impl Settings {
    /// Reads the file; one that does not exist is empty.
    ///
    /// # Errors
    /// When it cannot be read, or is broken: what is broken is not changed.
    pub fn open() -> Result<Self, CommandError> {
        Self::open_file(&paths()?.config_file())
    }

    fn open_file(file: &Path) -> Result<Self, CommandError> {
        // A link is followed: it is the file behind it that people keep.
        let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let (config, _warnings) = config::load(&file).map_err(|error| broken(&error))?;
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                let what = format!("cannot read {}", file.display());
                return Err(CommandError::because(what, &error));
            }
        };
        let document = text.parse().map_err(|error: toml_edit::TomlError| {
            CommandError::because(format!("cannot read {}", file.display()), &error)
        })?;
        Ok(Self {
            file,
            document,
            config,
        })
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Sets fields of a context, which is made when it is not there; `None` takes a field away. Nothing is changed when the
    /// result is wrong.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set(&mut self, name: &str, fields: &[Field]) -> Result<(), CommandError> {
        let mut changed = self.document.clone();
        let contexts = changed
            .entry(CONTEXTS)
            .or_insert_with(|| {
                let mut table = Table::new();
                // Only the contexts in it have a line of their own.
                table.set_implicit(true);
                Item::Table(table)
            })
            .as_table_like_mut()
            .ok_or_else(|| CommandError::failed("“contexts” is no table", ""))?;
        let is_new = !contexts.contains_key(name);
        if is_new {
            contexts.insert(name, Item::Table(Table::new()));
        }
        let context = contexts.get_mut(name).and_then(Item::as_table_like_mut);
        let context = context
            .ok_or_else(|| CommandError::failed(format!("“contexts.{name}” is no table"), ""))?;
        for (key, value) in fields {
            set(context, key, value.clone());
        }
        self.take(changed)
    }

    /// Takes a context away, with the comments in it and right above it.
    pub fn remove(&mut self, name: &str) -> Result<(), CommandError> {
        let mut changed = self.document.clone();
        let contexts = changed.get_mut(CONTEXTS).and_then(Item::as_table_like_mut);
        if let Some(contexts) = contexts {
            contexts.remove(name);
        }
        self.take(changed)
    }

    fn take(&mut self, changed: DocumentMut) -> Result<(), CommandError> {
        let text = changed.to_string();
        let (config, _warnings) = config::parse(&self.file, &text).map_err(|error| {
            // The place is one in a file that nobody has seen.
            let hint = error.hint.unwrap_or_default();
            CommandError::new(Exit::Usage, error.message, hint)
        })?;
        self.document = changed;
        self.config = config;
        Ok(())
    }

    /// Writes the file: whole, or not at all.
    pub fn write(&self) -> Result<(), CommandError> {
        self.replace().map_err(|error| {
            CommandError::because(format!("cannot write {}", self.file.display()), &error)
        })
    }

    fn replace(&self) -> io::Result<()> {
        let dir = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        // Two that write at once do not share it.
        let beside = dir.join(format!(".{name}.{}", std::process::id()));
        let written = (|| {
            let mut file = File::create(&beside)?;
            if let Ok(before) = fs::metadata(&self.file) {
                file.set_permissions(before.permissions())?;
            }
            file.write_all(self.document.to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.file)
        })();
        if written.is_err() {
            let _gone = fs::remove_file(&beside);
        }
        written
    }
}

/// A setting of a context and its new value.
pub type Field = (&'static str, Option<Value>);

fn set(table: &mut dyn TableLike, key: &str, value: Option<Value>) {
    match (value, table.get_mut(key)) {
        (None, _) => drop(table.remove(key)),
        // What is written around the old value stays: the comment behind it.
        (Some(value), Some(Item::Value(old))) => {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        (Some(value), _) => drop(table.insert(key, Item::Value(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> (tempfile::TempDir, Settings) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        fs::write(&file, text).unwrap();
        let settings = Settings::open_file(&file).unwrap();
        (dir, settings)
    }

    #[test]
    fn comments_order_and_unknown_keys_stay() {
        let text = "# mine\ntheme = \"ansi\" # for now\nfuture = 1\n\n# the shop\n[contexts.shop]\n\
                    host = \"a\" # the old one\ntags = [\"x\"]\n\n[keys]\nquit = \"q\"\n";
        let (_dir, mut settings) = settings(text);
        settings
            .set(
                "shop",
                &[
                    ("host", Some("b".into())),
                    ("tags", None),
                    ("port", Some(22.into())),
                ],
            )
            .unwrap();
        settings.set("api", &[("host", Some("c".into()))]).unwrap();
        settings.write().unwrap();
        let written = fs::read_to_string(settings.file()).unwrap();
        insta::assert_snapshot!(written, @r#"
        # mine
        theme = "ansi" # for now
        future = 1

        # the shop
        [contexts.shop]
        host = "b" # the old one
        port = 22

        [contexts.api]
        host = "c"

        [keys]
        quit = "q"
        "#);
        settings.remove("shop").unwrap();
        assert!(!settings.document.to_string().contains("shop"));
        assert!(settings.config.contexts.contains_key("api"));
    }

    #[test]
    fn what_would_be_wrong_is_refused_and_nothing_changes() {
        let (_dir, mut settings) = settings("[contexts.shop]\nhost = \"a\"\n");
        let before = settings.document.to_string();
        let error = settings
            .set("shop", &[("host", Some("-x".into()))])
            .unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert_eq!(settings.document.to_string(), before);
    }

    #[test]
    fn the_file_behind_a_link_is_changed() {
        let (dir, _) = settings("");
        let (file, link) = (dir.path().join("config.toml"), dir.path().join("link"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut settings = Settings::open_file(&link).unwrap();
        settings.set("a", &[("dir", Some("~/a".into()))]).unwrap();
        settings.write().unwrap();
        assert!(link.is_symlink());
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "[contexts.a]\ndir = \"~/a\"\n"
        );
    }
}
