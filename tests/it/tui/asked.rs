//! What hosts ask in these stories.

use cm_tui::transport::asking::{
    HostKeyQuestion, InstallQuestion, Question, SecretField, SecretsQuestion,
};

pub fn host_key() -> Question {
    Question::HostKey(HostKeyQuestion {
        host: "[gpu-2]:2222".to_owned(),
        address: "192.0.2.17:2222".to_owned(),
        algorithm: "ssh-ed25519".to_owned(),
        fingerprint: "SHA256:Nq1vXCX7Xa2YQk/p0ZtQy3w+8nV5m1lJrB0cWq4oLh8".to_owned(),
        file: "/home/ada/.ssh/known_hosts".to_owned(),
    })
}

/// A password and a code; the code may be seen.
pub fn secrets(complaint: Option<&str>) -> Question {
    let field = |label: &str, is_echoed| SecretField {
        label: label.to_owned(),
        is_echoed,
    };
    Question::Secrets(SecretsQuestion {
        title: "ada@gpu-2 asks".to_owned(),
        instructions: "Two factors are needed here.\nThe code is in your authenticator.".to_owned(),
        fields: vec![field("Password:", false), field("Code:", true)],
        complaint: complaint.map(str::to_owned),
    })
}

pub fn install() -> Question {
    Question::Install(InstallQuestion {
        system: "Linux x86_64".to_owned(),
        path: "/home/ada/.cache/cm-tui/bin/cm-agent".to_owned(),
        bytes: 3_565_158,
        found: Some("cm-agent 0.0.3, which speaks protocol 0".to_owned()),
    })
}

pub fn try_again() -> Question {
    Question::TryAgain {
        message: "ada@gpu-2: permission denied (publickey,password)".to_owned(),
        hint: "try: ssh gpu-2".to_owned(),
    }
}
