//! Reads settings and profiles from their files.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{Config, ConfigError, Fault, Schema, Warning, parse};
use crate::domain::ToolProfile;
use crate::domain::tool;

/// The largest file that is read, in bytes: our own largest profile is a fiftieth of it.
const LARGEST: u64 = 1 << 20;

impl Schema for ToolProfile {
    const KEYS: &'static [&'static str] = tool::KEYS;
}

/// Reads `config.toml`. A file that does not exist means the defaults.
pub fn load(file: &Path) -> Result<(Config, Vec<Warning>), ConfigError> {
    if file.try_exists().is_ok_and(|exists| !exists) {
        return Ok((Config::default(), Vec::new()));
    }
    read(file)
}

/// Reads and parses one file.
pub fn read<T: Schema>(file: &Path) -> Result<(T, Vec<Warning>), ConfigError> {
    parse(file, &text(file).map_err(|error| whole(file, &error))?)
}

/// Says where in a file the value is that is wrong: for what only its user can judge. Without a place when the file has
/// gone meanwhile.
pub fn point_out(file: &Path, fault: &Fault) -> ConfigError {
    parse::point_out(file, &text(file).unwrap_or_default(), fault)
}

/// What a folder of profiles holds.
#[derive(Debug, Default)]
pub struct LoadedTools {
    /// In the order of the file names.
    pub profiles: Vec<ToolProfile>,
    pub warnings: Vec<Warning>,
    /// One for each file that could not be read; the others are good.
    pub errors: Vec<ConfigError>,
}

/// Reads every `*.toml` of a folder. A folder that does not exist is empty.
pub fn load_tools(dir: &Path) -> LoadedTools {
    let mut loaded = LoadedTools::default();
    let files = match toml_files(dir) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return loaded,
        Err(error) => {
            loaded.errors.push(whole(dir, &error));
            return loaded;
        }
    };
    for file in files {
        match read::<ToolProfile>(&file) {
            Ok((profile, warnings)) => {
                loaded.profiles.push(profile);
                loaded.warnings.extend(warnings);
            }
            Err(error) => loaded.errors.push(error),
        }
    }
    loaded
}

/// Every `*.toml` of a folder, in the order of the names.
pub(super) fn toml_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(file)?
        .take(LARGEST + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {LARGEST} bytes"),
        ));
    }
    Ok(text)
}

pub(super) fn whole(file: &Path, error: &io::Error) -> ConfigError {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            Some(format!("make it readable: chmod u+r {}", file.display()))
        }
        io::ErrorKind::InvalidData => Some("save it as UTF-8".to_owned()),
        _ => None,
    };
    ConfigError {
        file: file.to_owned(),
        line: 0,
        column: 0,
        message: format!("cannot read it: {error}"),
        hint,
    }
}
