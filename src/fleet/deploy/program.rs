//! The agent's program as it lies on this machine: which one fits a host, and the hash that the host checks.
//!
//! What is read from a file here decides whether it is worth offering. Promise: nothing is offered that is known not to
//! run there; whether it really runs is decided on the host, before the file gets its name.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::probe::Platform;

/// The largest program that is read, in bytes: a static release build has a few MiB, one for debugging up to 100.
const MAX_BYTES: u64 = 256 << 20;

/// A program that can be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub bytes: Vec<u8>,
    /// In lower-case hexadecimal digits.
    pub sha256: String,
}

#[derive(Debug, Error)]
pub enum ProgramError {
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not listed in SHA256SUMS", .0.display())]
    Unlisted(PathBuf),
    #[error("{} is not what SHA256SUMS says", .0.display())]
    WrongSum(PathBuf),
    #[error("{} is for {found}", path.display())]
    OtherMachine { path: PathBuf, found: String },
    #[error("{} needs glibc {}.{}, it has {has}", path.display(), needs.0, needs.1)]
    OtherLibc {
        path: PathBuf,
        needs: (u16, u16),
        has: String,
    },
    #[error("{}; none in {} fits either", own, dir.display())]
    NoneOfBoth { own: Box<Self>, dir: PathBuf },
}

/// Reads our own program, or else one of the folder of agents. Blocks.
///
/// # Errors
/// Why none can be offered.
pub fn find(
    own: &Path,
    agents_dir: Option<&Path>,
    platform: &Platform,
) -> Result<Program, ProgramError> {
    let error = match read(own).and_then(|program| {
        let is_like_us = platform.is_this_one();
        program.fits(own, platform, is_like_us).map(|()| program)
    }) {
        Ok(program) => return Ok(program),
        Err(error) => error,
    };
    let Some(dir) = agents_dir else {
        return Err(error);
    };
    for triple in platform.triples() {
        let path = dir.join(&triple).join("cm-agent");
        if path.is_file() {
            let program = read(&path)?;
            check_listed(dir, &path, &format!("{triple}/cm-agent"), &program)?;
            program.fits(&path, platform, true)?;
            return Ok(program);
        }
    }
    Err(ProgramError::NoneOfBoth {
        own: Box::new(error),
        dir: dir.to_owned(),
    })
}

fn read(path: &Path) -> Result<Program, ProgramError> {
    let mut bytes = Vec::new();
    let reading = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    reading.map_err(|source| ProgramError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(Program::new(bytes))
}

fn check_listed(
    dir: &Path,
    path: &Path,
    name: &str,
    program: &Program,
) -> Result<(), ProgramError> {
    let sums = dir.join("SHA256SUMS");
    let list = std::fs::read_to_string(&sums)
        .map_err(|source| ProgramError::Unreadable { path: sums, source })?;
    // `HASH  NAME`, or `HASH *NAME`.
    let listed = list
        .lines()
        .filter_map(|line| line.split_once([' ', '\t']))
        .find(|(_, rest)| rest.trim_start_matches([' ', '\t', '*']) == name);
    match listed {
        None => Err(ProgramError::Unlisted(path.to_owned())),
        Some((sum, _)) if sum.eq_ignore_ascii_case(&program.sha256) => Ok(()),
        Some(_) => Err(ProgramError::WrongSum(path.to_owned())),
    }
}

impl Program {
    pub fn new(bytes: Vec<u8>) -> Self {
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(&bytes) {
            // Writing to a string does not fail.
            let _fine = write!(sha256, "{byte:02x}");
        }
        Self { bytes, sha256 }
    }

    /// `is_expected` is what counts when the file does not say what it is for.
    fn fits(
        &self,
        path: &Path,
        platform: &Platform,
        is_expected: bool,
    ) -> Result<(), ProgramError> {
        let other = |found: String| {
            Err(ProgramError::OtherMachine {
                path: path.to_owned(),
                found,
            })
        };
        match Elf::read(&self.bytes) {
            None if is_expected => Ok(()),
            None => other("another system".to_owned()),
            Some(_) if !["Linux", "FreeBSD"].contains(&platform.system.as_str()) => {
                other("another system".to_owned())
            }
            Some(elf) if Some(elf.machine) != platform.elf_machine() => other(elf.machine_name()),
            Some(elf) => match (elf.needs_glibc, platform.glibc) {
                (None, _) => Ok(()),
                (Some(needs), Some(has)) if needs <= has => Ok(()),
                (Some(needs), has) => Err(ProgramError::OtherLibc {
                    path: path.to_owned(),
                    needs,
                    has: has.map_or("none".to_owned(), |(major, minor)| {
                        format!("{major}.{minor}")
                    }),
                }),
            },
        }
    }
}

/// The processors we can name: as `uname -m` says, as target triples begin, and as ELF numbers them with the word size.
const MACHINES: [(&[&str], &str, (u16, u8)); 8] = [
    (&["x86_64", "amd64"], "x86_64", (62, 64)),
    (&["aarch64", "arm64"], "aarch64", (183, 64)),
    (&["riscv64"], "riscv64gc", (243, 64)),
    (&["i686", "i586", "i386"], "i686", (3, 32)),
    (&["armv7l", "armv8l"], "armv7", (40, 32)),
    (&["ppc64le"], "powerpc64le", (21, 64)),
    (&["s390x"], "s390x", (22, 64)),
    (&["loongarch64"], "loongarch64", (258, 64)),
];

impl Platform {
    fn machine_row(&self) -> Option<&'static (&'static [&'static str], &'static str, (u16, u8))> {
        MACHINES
            .iter()
            .find(|(names, ..)| names.contains(&self.machine.as_str()))
    }

    fn elf_machine(&self) -> Option<(u16, u8)> {
        self.machine_row().map(|(.., elf)| *elf)
    }

    /// The folders that may hold an agent for it, the most portable first.
    fn triples(&self) -> Vec<String> {
        let Some((_, machine, _)) = self.machine_row() else {
            return Vec::new();
        };
        let systems: &[&str] = match self.system.as_str() {
            "Linux" if *machine == "armv7" => {
                &["unknown-linux-musleabihf", "unknown-linux-gnueabihf"]
            }
            "Linux" => &["unknown-linux-musl", "unknown-linux-gnu"],
            "Darwin" => &["apple-darwin"],
            "FreeBSD" => &["unknown-freebsd"],
            _ => &[],
        };
        systems
            .iter()
            .map(|system| format!("{machine}-{system}"))
            .collect()
    }

    fn is_this_one(&self) -> bool {
        let system = match std::env::consts::OS {
            "linux" => "Linux",
            "macos" => "Darwin",
            "freebsd" => "FreeBSD",
            other => other,
        };
        let names = self.machine_row().map(|(names, ..)| *names);
        self.system == system && names.is_some_and(|names| names.contains(&std::env::consts::ARCH))
    }
}

/// What a Linux or BSD program says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Elf {
    machine: (u16, u8),
    /// The newest symbols it wants of glibc; `None` for a static program.
    needs_glibc: Option<(u16, u16)>,
}

impl Elf {
    fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.strip_prefix(b"\x7fELF")?;
        let is_wide = *header.first()? == 2;
        let is_big = *header.get(1)? == 2;
        let number = |at: usize, len: usize| -> Option<u64> {
            let field = bytes.get(at..at.checked_add(len)?)?;
            let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            Some(if is_big {
                field.iter().fold(0, fold)
            } else {
                field.iter().rev().fold(0, fold)
            })
        };
        let machine = u16::try_from(number(18, 2)?).ok()?;
        // Where the table of segments begins, how long its rows are and how many it has.
        let (start, row, rows) = if is_wide {
            (number(32, 8)?, number(54, 2)?, number(56, 2)?)
        } else {
            (number(28, 4)?, number(42, 2)?, number(44, 2)?)
        };
        // A segment of type 3 names the loader that a dynamic program wants.
        let is_dynamic = (0..rows).any(|index| {
            let at = start.saturating_add(index * row);
            usize::try_from(at).ok().and_then(|at| number(at, 4)) == Some(3)
        });
        Some(Self {
            machine: (machine, if is_wide { 64 } else { 32 }),
            needs_glibc: is_dynamic.then(|| newest_glibc(bytes)),
        })
    }

    fn machine_name(&self) -> String {
        MACHINES
            .iter()
            .find(|(.., elf)| *elf == self.machine)
            .map_or("an unknown machine".to_owned(), |(_, name, _)| {
                (*name).to_owned()
            })
    }
}

/// The highest `GLIBC_2.N` that stands anywhere in a program: the names of the versions it was linked against. What
/// only looks like one makes us more careful, never less.
fn newest_glibc(bytes: &[u8]) -> (u16, u16) {
    const NAME: &[u8] = b"GLIBC_2.";
    let minor = bytes
        .windows(NAME.len())
        .enumerate()
        .filter(|(_, window)| *window == NAME)
        .filter_map(|(at, _)| {
            let digits = bytes.get(at + NAME.len()..)?;
            let len = digits
                .iter()
                .take(3)
                .take_while(|b| b.is_ascii_digit())
                .count();
            str::from_utf8(digits.get(..len)?).ok()?.parse().ok()
        })
        .max();
    (2, minor.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn platform(system: &str, machine: &str, glibc: Option<(u16, u16)>) -> Platform {
        Platform {
            system: system.to_owned(),
            machine: machine.to_owned(),
            glibc,
        }
    }

    /// A 64-bit little-endian header with one segment of the given type, then `rest`.
    fn elf(machine: u16, segment: u32, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes.extend_from_slice(&segment.to_le_bytes());
        bytes.resize(64 + 56, 0);
        bytes.extend_from_slice(rest);
        bytes
    }

    #[rstest]
    #[case::same("Linux", "x86_64", Some((2, 36)), "fits")]
    #[case::newer_libc("Linux", "amd64", Some((2, 39)), "fits")]
    #[case::older_libc("Linux", "x86_64", Some((2, 31)), "/p needs glibc 2.34, it has 2.31")]
    #[case::musl("Linux", "x86_64", None, "/p needs glibc 2.34, it has none")]
    #[case::other_machine("Linux", "aarch64", Some((2, 36)), "/p is for x86_64")]
    #[case::other_system("Darwin", "x86_64", None, "/p is for another system")]
    #[case::unknown_machine("Linux", "vax", None, "/p is for x86_64")]
    fn a_dynamic_program_fits_where_its_libc_is(
        #[case] system: &str,
        #[case] machine: &str,
        #[case] libc: Option<(u16, u16)>,
        #[case] outcome: &str,
    ) {
        let program = Program::new(elf(62, 3, b"GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.4\0"));
        let fits = program.fits(Path::new("/p"), &platform(system, machine, libc), true);
        assert_eq!(
            fits.map_or_else(|e| e.to_string(), |()| "fits".into()),
            outcome
        );
    }

    #[test]
    fn a_static_program_needs_no_libc() {
        let program = Program::new(elf(183, 1, b"GLIBC_2.99\0"));
        let host = platform("Linux", "aarch64", None);
        program.fits(Path::new("/p"), &host, false).unwrap();
    }

    #[test]
    fn a_torn_header_is_read_without_harm() {
        let whole = elf(62, 3, b"GLIBC_2.");
        for len in 0..whole.len() {
            let _any = Elf::read(&whole[..len]);
        }
        let mut wild = whole;
        wild[32..40].fill(0xff);
        assert_eq!(Elf::read(&wild).unwrap().needs_glibc, None);
    }

    #[test]
    fn this_program_fits_this_machine() {
        let exe = std::env::current_exe().unwrap();
        let machine = std::env::consts::ARCH;
        if std::env::consts::OS == "linux" {
            let host = platform("Linux", machine, Some((2, 200)));
            find(&exe, None, &host).unwrap();
        }
    }

    #[test]
    fn the_folder_of_agents_is_used_only_with_the_right_sum() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("own");
        std::fs::write(&own, elf(62, 3, b"GLIBC_2.34")).unwrap();
        let host = platform("Linux", "aarch64", None);
        let why = || {
            find(&own, Some(dir.path()), &host)
                .unwrap_err()
                .to_string()
                .replace(dir.path().to_str().unwrap(), "DIR")
        };
        assert_eq!(why(), "DIR/own is for x86_64; none in DIR fits either");
        let name = "aarch64-unknown-linux-gnu/cm-agent";
        std::fs::create_dir(dir.path().join("aarch64-unknown-linux-gnu")).unwrap();
        std::fs::write(dir.path().join(name), elf(183, 1, b"")).unwrap();
        assert_eq!(why(), "cannot read DIR/SHA256SUMS");
        let sums = dir.path().join("SHA256SUMS");
        std::fs::write(&sums, "abc  other/cm-agent\n").unwrap();
        assert_eq!(why(), format!("DIR/{name} is not listed in SHA256SUMS"));
        std::fs::write(&sums, format!("{}  {name}\n", "0".repeat(64))).unwrap();
        assert_eq!(why(), format!("DIR/{name} is not what SHA256SUMS says"));
        let sha256 = Program::new(elf(183, 1, b"")).sha256;
        std::fs::write(&sums, format!("{sha256}  {name}\n")).unwrap();
        assert_eq!(find(&own, Some(dir.path()), &host).unwrap().sha256, sha256);
    }

    #[test]
    fn the_hash_is_sha256() {
        assert_eq!(
            Program::new(b"abc".to_vec()).sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
