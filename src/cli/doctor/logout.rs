//! Whether sessions outlive the login: what systemd ends when the last one is over.

use std::path::Path;

use super::{Check, Verdict};

/// Tells whether systemd is what started this machine.
const BOOTED: &str = "/run/systemd/system";
const LINGER: &str = "loginctl enable-linger";

/// `said` returns the first line that a program prints.
pub async fn check<F>(said: impl Fn(&'static str, &'static [&'static str]) -> F) -> Check
where
    F: Future<Output = Option<String>>,
{
    if !Path::new(BOOTED).exists() {
        return Check::ok("logout", "nothing here ends programs at logout");
    }
    let user = rustix::process::getuid().as_raw().to_string();
    let lingers = match said("id", &["-un"]).await {
        Some(name) => Path::new("/var/lib/systemd/linger").join(name).exists(),
        None => false,
    };
    let kills = said(
        "busctl",
        &[
            "get-property",
            "org.freedesktop.login1",
            "/org/freedesktop/login1",
            "org.freedesktop.login1.Manager",
            "KillUserProcesses",
        ],
    )
    .await;
    let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    judge(lingers, kills.as_deref(), is_user_service(&cgroup, &user))
}

/// Whether what is started from here is started below a service of the user, which ends with the last login.
fn is_user_service(cgroup: &str, user: &str) -> bool {
    cgroup.contains(&format!("/user@{user}.service/"))
}

fn judge(lingers: bool, kills: Option<&str>, is_service: bool) -> Check {
    match (lingers, kills) {
        (true, _) => Check::ok("logout", "sessions go on after logout: you linger"),
        (false, Some("b true")) => Check::new(
            "logout",
            Verdict::Fail,
            "KillUserProcesses=yes: sessions end when you log out",
            LINGER,
        ),
        (false, _) if is_service => Check::new(
            "logout",
            Verdict::Warn,
            "what is started from here ends with your last login",
            LINGER,
        ),
        (false, Some(_)) => Check::ok("logout", "sessions go on after logout"),
        (false, None) => Check::new(
            "logout",
            Verdict::Warn,
            "cannot tell whether sessions end when you log out",
            LINGER,
        ),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(true, Some("b true"), true, Verdict::Ok)]
    #[case(false, Some("b true"), false, Verdict::Fail)]
    #[case(false, Some("b false"), false, Verdict::Ok)]
    #[case(false, Some("b false"), true, Verdict::Warn)]
    #[case(false, None, false, Verdict::Warn)]
    fn sessions_outlive_a_login_by_lingering_or_when_nothing_ends_them(
        #[case] lingers: bool,
        #[case] kills: Option<&str>,
        #[case] is_service: bool,
        #[case] expected: Verdict,
    ) {
        let check = judge(lingers, kills, is_service);
        assert_eq!(check.verdict, expected);
        assert_eq!(check.mend.is_empty(), expected == Verdict::Ok);
    }

    #[test]
    fn a_service_of_the_user_is_known_by_its_group() {
        let service = "0::/user.slice/user-7.slice/user@7.service/app.slice/x.service\n";
        assert!(is_user_service(service, "7"));
        assert!(!is_user_service(
            "0::/user.slice/user-7.slice/session-3.scope\n",
            "7"
        ));
    }
}
