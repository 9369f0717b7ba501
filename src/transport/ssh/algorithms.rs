//! Which algorithms are offered, and with which limits russh runs.

use std::borrow::Cow;
use std::sync::Arc;

use russh::keys::{Algorithm, HashAlg};
use russh::{Preferred, cipher, client, compression, kex, mac};

use super::settings::Settings;
use super::trust::Judge;
use super::{SshError, SshErrorKind};

/// AES first: it costs half the CPU where the processor has instructions for it. No CBC, no SHA-1.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_128_GCM,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// Beyond russh's own list only when the user's settings name them; never `none`.
const MORE_KEY_EXCHANGES: &[kex::Name] = &[
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
];

/// Never `zlib`, which begins before the login: whoever answers could feed it.
const COMPRESSED: &[compression::Name] = &[compression::ZLIB_LEGACY, compression::NONE];

/// Not exchanges but signs in their list, which always stay: extension info, and strict key exchange.
const MARKS: &[kex::Name] = &[
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

/// The configuration for one connection. The host should show a key of a type that `judge`
/// knows of it.
///
/// # Errors
/// When a list of the user's settings leaves nothing that we can do.
pub(super) fn config(settings: &Settings, judge: &Judge) -> Result<Arc<client::Config>, SshError> {
    let interval = settings.alive_interval;
    Ok(Arc::new(client::Config {
        preferred: preferred(settings, judge)?,
        nodelay: true,
        keepalive_interval: (!interval.is_zero()).then_some(interval),
        // Zero would mean “never” to russh.
        keepalive_max: settings.alive_count_max.max(1) as usize,
        // It would end connections while the human thinks at a prompt.
        inactivity_timeout: None,
        ..client::Config::default()
    }))
}

fn preferred(settings: &Settings, judge: &Judge) -> Result<Preferred, SshError> {
    let ours = Preferred::DEFAULT;
    let wanted = &settings.algorithms;
    let (marks, exchanges): (Vec<kex::Name>, Vec<kex::Name>) = ours
        .kex
        .iter()
        .copied()
        .partition(|name| MARKS.contains(name));
    let mut kex = if wanted.key_exchange.is_empty() {
        exchanges
    } else {
        let possible: Vec<_> = exchanges
            .iter()
            .chain(MORE_KEY_EXCHANGES)
            .copied()
            .collect();
        choose(&wanted.key_exchange, &possible, "KexAlgorithms", settings)?
    };
    kex.extend(marks);
    let host_keys = host_keys(settings, judge)?;
    // A certificate says something only where its authority is known.
    let certificates = if judge.has_authority() {
        host_keys.clone()
    } else {
        Vec::new()
    };
    Ok(Preferred {
        kex: kex.into(),
        key: host_keys.into(),
        cipher: if wanted.ciphers.is_empty() {
            Cow::Borrowed(CIPHERS)
        } else {
            choose(&wanted.ciphers, CIPHERS, "Ciphers", settings)?.into()
        },
        mac: if wanted.macs.is_empty() {
            ours.mac
        } else {
            choose::<mac::Name>(&wanted.macs, &ours.mac, "MACs", settings)?.into()
        },
        // Text shrinks to a fifth, live screens to a third. Only on a slow line is that worth the CPU, which the user knows.
        compression: Cow::Borrowed(if wanted.is_compressed {
            COMPRESSED
        } else {
            &[compression::NONE]
        }),
        host_key_certificates: certificates.into(),
    })
}

/// Host key types: what the user's settings leave, those known for the host first: a host that shows another key than
/// the known one counts as changed.
fn host_keys(settings: &Settings, judge: &Judge) -> Result<Vec<Algorithm>, SshError> {
    let without_sha1 = Preferred::DEFAULT
        .key
        .iter()
        .filter(|algorithm| !matches!(algorithm, Algorithm::Rsa { hash: None }))
        .cloned();
    let mut possible: Vec<Algorithm> = without_sha1.collect();
    let wanted = &settings.algorithms.host_keys;
    if !wanted.is_empty() {
        possible.retain(|algorithm| wanted.iter().any(|name| name == algorithm.as_str()));
        possible.sort_by_key(|algorithm| wanted.iter().position(|n| n == algorithm.as_str()));
        if possible.is_empty() {
            return Err(nothing_left("HostKeyAlgorithms", settings));
        }
    }
    judge.order(&mut possible);
    Ok(possible)
}

/// The wanted names that we have, in the user's order.
fn choose<N: AsRef<str> + Copy>(
    wanted: &[String],
    possible: &[N],
    keyword: &str,
    settings: &Settings,
) -> Result<Vec<N>, SshError> {
    let chosen: Vec<N> = wanted
        .iter()
        .filter_map(|name| possible.iter().find(|ours| ours.as_ref() == name))
        .copied()
        .collect();
    if chosen.is_empty() {
        return Err(nothing_left(keyword, settings));
    }
    Ok(chosen)
}

fn nothing_left(keyword: &str, settings: &Settings) -> SshError {
    SshError::new(
        SshErrorKind::Settings,
        format!(
            "cannot connect to “{}”: {keyword} names nothing that we support",
            settings.name
        ),
        format!("change {keyword} in ~/.ssh/config, or use transport = \"openssh\" for this host"),
    )
}

/// The hash that RSA keys sign with when the host does not say which it takes; every sshd since 2016 takes it.
pub(super) const RSA_HASH: HashAlg = HashAlg::Sha512;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::transport::ssh::settings::{Algorithms, IdentityAgent, Route, Trust, UnknownKeys};

    fn settings(algorithms: Algorithms) -> Settings {
        Settings {
            name: "gpu-2".into(),
            host_name: "gpu-2".into(),
            port: 22,
            user: "me".into(),
            identity_files: Vec::new(),
            certificate_files: Vec::new(),
            identities_only: false,
            identity_agent: IdentityAgent::None,
            route: Route::Direct,
            trust: Trust {
                user_files: Vec::new(),
                global_files: Vec::new(),
                revoked: None,
                alias: None,
                unknown: UnknownKeys::Refuse,
                is_hashed: false,
            },
            alive_interval: Duration::from_secs(15),
            alive_count_max: 3,
            connect_timeout: Duration::from_secs(10),
            authentications: Vec::new(),
            password_prompts: 3,
            algorithms,
        }
    }

    async fn offered(algorithms: Algorithms) -> Result<Preferred, SshError> {
        let settings = settings(algorithms);
        let judge = Judge::load(&settings, None).await?;
        preferred(&settings, &judge)
    }

    fn names<N: AsRef<str>>(names: &[N]) -> Vec<&str> {
        names.iter().map(AsRef::as_ref).collect()
    }

    #[tokio::test]
    async fn nothing_weak_is_offered_and_the_cheapest_cipher_first() {
        let ours = offered(Algorithms::default()).await.unwrap();
        let all = [names(&ours.cipher), names(&ours.kex), names(&ours.mac)].concat();
        let is_weak = |name: &&str| {
            ["cbc", "sha1", "none", "group1-", "clear"]
                .iter()
                .any(|weak| name.contains(weak))
        };
        assert_eq!(all.into_iter().find(is_weak), None);
        assert_eq!(ours.cipher[0], cipher::AES_256_GCM);
        assert!(!ours.key.contains(&Algorithm::Rsa { hash: None }));
        assert!(names(&ours.kex).contains(&"kex-strict-c-v00@openssh.com"));
        assert_eq!(names(&ours.compression), ["none"]);
    }

    #[tokio::test]
    async fn the_users_lists_rule_as_far_as_we_can_follow() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let theirs = offered(Algorithms {
            ciphers: list(&["3des-cbc", "aes128-ctr", "aes256-gcm@openssh.com"]),
            key_exchange: list(&["sntrup761x25519-sha512@openssh.com", "ecdh-sha2-nistp256"]),
            macs: list(&["hmac-sha1", "hmac-sha2-256"]),
            host_keys: list(&["rsa-sha2-512", "ssh-rsa", "ssh-ed25519"]),
            is_compressed: true,
        });
        let theirs = theirs.await.unwrap();
        assert_eq!(
            names(&theirs.cipher),
            ["aes128-ctr", "aes256-gcm@openssh.com"]
        );
        assert_eq!(theirs.kex[0].as_ref(), "ecdh-sha2-nistp256");
        assert!(names(&theirs.kex).contains(&"kex-strict-c-v00@openssh.com"));
        assert_eq!(names(&theirs.mac), ["hmac-sha2-256"]);
        let keys: Vec<_> = theirs.key.iter().map(Algorithm::as_str).collect();
        assert_eq!(keys, ["rsa-sha2-512", "ssh-ed25519"]);
        assert_eq!(names(&theirs.compression), ["zlib@openssh.com", "none"]);
    }

    #[rstest]
    #[case::kex(Algorithms { key_exchange: vec!["ext-info-c".into()], ..Algorithms::default() }, "KexAlgorithms")]
    #[case::mac(Algorithms { macs: vec!["hmac-md5".into()], ..Algorithms::default() }, "MACs")]
    #[case::key(Algorithms { host_keys: vec!["ssh-dss".into()], ..Algorithms::default() }, "HostKeyAlgorithms")]
    #[tokio::test]
    async fn a_list_that_leaves_nothing_is_named(
        #[case] algorithms: Algorithms,
        #[case] keyword: &str,
    ) {
        let error = offered(algorithms).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Settings);
        assert!(error.message.contains(keyword), "{error}");
    }
}
