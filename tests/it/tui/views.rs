//! What is on screen, at three sizes, with colours and without.

use cm_tui::domain::HostId;
use cm_tui::fleet::Notice;
use cm_tui::protocol::{Event, Reply};
use cm_tui::tui::colours::Colours;
use cm_tui::tui::settings::{NamedContext, Settings};
use cm_tui::tui::theme::{BUILT_IN, Theme};
use rstest::rstest;

use super::asked::{host_key, install, secrets, try_again};
use super::fixture::{Dashboard, RULE, crowd, explanation, failure, prompting, refused};
use super::picture;

/// A page or overlay worth looking at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    Empty,
    Fleet,
    Question,
    Typing,
    Start,
    Kill,
    Rename,
    Help,
    Palette,
    Lost,
    Filter,
    Toasts,
    ScreenPage,
    Hosts,
    Stale,
    HostPage,
    Aside,
    HostKey,
    Secrets,
    Install,
    TryAgain,
    StartElsewhere,
    Explain,
    Contradict,
    Inbox,
    Deny,
    Rule,
    Mode,
    Modes,
    Crowd,
}

pub const SCENES: [Scene; 30] = [
    Scene::Empty,
    Scene::Fleet,
    Scene::Question,
    Scene::Typing,
    Scene::Start,
    Scene::Kill,
    Scene::Rename,
    Scene::Help,
    Scene::Palette,
    Scene::Lost,
    Scene::Filter,
    Scene::Toasts,
    Scene::ScreenPage,
    Scene::Hosts,
    Scene::Stale,
    Scene::HostPage,
    Scene::Aside,
    Scene::HostKey,
    Scene::Secrets,
    Scene::Install,
    Scene::TryAgain,
    Scene::StartElsewhere,
    Scene::Explain,
    Scene::Contradict,
    Scene::Inbox,
    Scene::Deny,
    Scene::Rule,
    Scene::Mode,
    Scene::Modes,
    Scene::Crowd,
];

pub fn stage(scene: Scene, columns: u16, rows: u16) -> Dashboard {
    if scene == Scene::Empty {
        let mut dashboard = Dashboard::empty(columns, rows);
        dashboard.model.servers = vec!["default".to_owned(), "cm".to_owned()];
        return dashboard;
    }
    if let Some(dashboard) = stage_hosts(scene, columns, rows) {
        return dashboard;
    }
    let mut dashboard = Dashboard::fleet(columns, rows);
    match scene {
        Scene::Empty | Scene::Fleet => {
            dashboard.press("tab tab");
        }
        Scene::Question => {
            dashboard.press("tab");
            if dashboard.selected().as_deref() != Some("docs") {
                dashboard.press("tab");
            }
        }
        Scene::Typing => {
            dashboard.press("G");
            while dashboard.selected().as_deref() != Some("api") {
                dashboard.press("k");
            }
            dashboard.press("i");
        }
        Scene::Start => {
            dashboard
                .press("N")
                .type_text("Find why run 41 diverges after step 12k and write a test");
        }
        Scene::Kill => {
            dashboard.press("tab tab x");
        }
        Scene::Rename => {
            dashboard.press("tab tab r");
        }
        Scene::Help => {
            dashboard.press("?");
        }
        Scene::Explain => {
            dashboard.press("tab tab e").explained(explanation());
        }
        Scene::Contradict => {
            dashboard.press("tab tab e").explained(explanation());
            dashboard.press("w down down down down");
        }
        Scene::Palette => {
            dashboard.press(":").type_text("s");
        }
        Scene::Lost => {
            let failure = failure(
                "cannot reach host “gpu-2”: connection refused",
                "is sshd running? try: ssh gpu-2",
            );
            dashboard
                .notice("gpu-2", Notice::Disconnected(failure))
                .press("G");
        }
        Scene::Filter => {
            dashboard.press("/").type_text("claude");
        }
        Scene::Toasts => {
            dashboard.look().press("tab tab").look().press("y");
            dashboard.wait(50).press("y");
        }
        Scene::ScreenPage => {
            dashboard.press("tab tab v");
        }
        Scene::Inbox | Scene::Deny | Scene::Rule | Scene::Mode | Scene::Modes => {
            stage_prompts(&mut dashboard, scene);
        }
        Scene::Crowd => {
            for session in crowd() {
                dashboard.event("local", Event::SessionChanged(Box::new(session)));
            }
            while dashboard.selected().as_deref() != Some("write-the-report") {
                dashboard.press("tab");
            }
        }
        _ => unreachable!("staged with many hosts"),
    }
    dashboard
}

/// Scenes of a fleet in which several tools ask, and not only people answer.
fn stage_prompts(dashboard: &mut Dashboard, scene: Scene) {
    for session in prompting() {
        let event = Event::SessionChanged(Box::new(session));
        dashboard.event("local", event);
    }
    while dashboard.selected().as_deref() != Some("shop") {
        dashboard.press("tab");
    }
    match scene {
        Scene::Inbox => {
            dashboard.press("I").look().press("space tab space").look();
        }
        Scene::Deny => {
            let keys = "use cargo clean";
            dashboard.look().press("d").type_text(keys);
        }
        Scene::Rule => {
            dashboard.look().press("a");
            let id = dashboard.request().unwrap().0;
            let rule = Some(RULE.to_owned());
            let reply = Box::new(Reply::Rule(rule));
            dashboard.notice("local", Notice::Replied { id, reply });
        }
        Scene::Mode => {
            dashboard.press("m y enter").type_text("sho");
        }
        _ => {}
    }
}

/// Scenes of a fleet whose hosts are not all there.
fn stage_hosts(scene: Scene, columns: u16, rows: u16) -> Option<Dashboard> {
    let question = match scene {
        Scene::HostKey => host_key(),
        Scene::Secrets | Scene::Aside => secrets(Some("permission denied, please try again")),
        Scene::Install => install(),
        Scene::TryAgain => try_again(),
        Scene::Hosts | Scene::Stale | Scene::HostPage | Scene::StartElsewhere => {
            let mut dashboard = Dashboard::hosts(columns, rows);
            let name = match scene {
                Scene::Hosts => "train",
                Scene::Stale => "bisect",
                _ => "gpu-2",
            };
            if scene == Scene::HostPage {
                dashboard.notice("gpu-2", Notice::Disconnected(refused("gpu-2")));
                dashboard.wait(12_000).notice("gpu-2", Notice::Connecting);
            }
            dashboard.press("g g");
            while dashboard.selected().as_deref() != Some(name) {
                dashboard.press("j");
            }
            if scene == Scene::StartElsewhere {
                dashboard.model.settings.contexts = contexts();
                dashboard.press("n backtab backtab");
            }
            return Some(dashboard);
        }
        _ => return None,
    };
    let mut dashboard = Dashboard::hosts(columns, rows);
    if scene == Scene::Aside {
        dashboard.press("g g i");
    }
    dashboard.ask(1, "gpu-2", question);
    if scene == Scene::TryAgain {
        dashboard
            .ask(2, "lab", secrets(None))
            .ask(3, "build-7", install());
    }
    if scene == Scene::Secrets {
        dashboard.look().type_text("hunter2");
        dashboard.press("tab").type_text("123456");
    }
    Some(dashboard)
}

pub fn contexts() -> Vec<NamedContext> {
    let context = |name: &str, host: &str, dir: Option<&str>, tool: Option<&str>| NamedContext {
        name: name.to_owned(),
        host: HostId::new(host),
        dir: dir.map(str::to_owned),
        tool: tool.map(str::to_owned),
        tags: Vec::new(),
    };
    vec![
        context("shop", "local", Some("~/src/shop"), None),
        context("train", "gpu-2", Some("~/train"), Some("codex")),
        context("ci", "build-7", Some("~/ci"), Some("shell")),
    ]
}

#[rstest]
fn views(
    #[values(
        Scene::Empty,
        Scene::Fleet,
        Scene::Question,
        Scene::Typing,
        Scene::Start,
        Scene::Kill,
        Scene::Rename,
        Scene::Help,
        Scene::Palette,
        Scene::Lost,
        Scene::Filter,
        Scene::Toasts,
        Scene::Hosts,
        Scene::Stale,
        Scene::HostPage,
        Scene::Aside,
        Scene::HostKey,
        Scene::Secrets,
        Scene::Install,
        Scene::TryAgain,
        Scene::StartElsewhere,
        Scene::Explain,
        Scene::Contradict,
        Scene::Inbox,
        Scene::Deny,
        Scene::Rule,
        Scene::Mode,
        Scene::Modes,
        Scene::Crowd
    )]
    scene: Scene,
    #[values((40, 12), (80, 24), (160, 50))] size: (u16, u16),
) {
    let name = format!("{scene:?}-{}x{}", size.0, size.1).to_lowercase();
    let buffer = stage(scene, size.0, size.1).paint();
    picture::keep(&buffer, &name);
    insta::assert_snapshot!(name, picture::text(&buffer));
}

#[rstest]
#[case(Scene::Fleet)]
#[case(Scene::Typing)]
#[case(Scene::Start)]
#[case(Scene::Lost)]
#[case(Scene::Hosts)]
#[case(Scene::HostPage)]
#[case(Scene::Aside)]
#[case(Scene::HostKey)]
#[case(Scene::Secrets)]
#[case(Scene::Install)]
#[case(Scene::TryAgain)]
#[case(Scene::StartElsewhere)]
#[case(Scene::Explain)]
#[case(Scene::Inbox)]
#[case(Scene::Mode)]
#[case(Scene::Modes)]
fn styles(#[case] scene: Scene, #[values(Colours::True, Colours::None)] colours: Colours) {
    let name = format!("{scene:?}-styles-{colours:?}").to_lowercase();
    let mut dashboard = stage(scene, 80, 24);
    dashboard.model.settings.theme = Theme::default_with(colours);
    insta::assert_snapshot!(name, picture::styles(&dashboard.paint()));
}

#[test]
fn the_screen_is_a_page_of_its_own_in_a_narrow_terminal() {
    let buffer = stage(Scene::ScreenPage, 40, 20).paint();
    picture::keep(&buffer, "screenpage-40x20");
    insta::assert_snapshot!(picture::text(&buffer));
}

#[test]
fn every_theme_draws_every_scene() {
    for (name, text) in BUILT_IN {
        for scene in SCENES {
            let mut dashboard = stage(scene, 132, 38);
            dashboard.model.settings.theme =
                Theme::parse(name.as_ref(), text, Colours::True).unwrap().0;
            let buffer = dashboard.paint();
            picture::keep(&buffer, &format!("{name}-{scene:?}-132x38").to_lowercase());
        }
    }
}

#[rstest]
fn the_way_out_of_the_start_form_is_in_its_frame(#[values(40, 50, 60, 80)] columns: u16) {
    let page = picture::text(&stage(Scene::Start, columns, 20).paint());
    let frame = page.lines().find(|line| line.contains("Enter start"));
    assert!(
        frame.is_some_and(|line| line.contains("Esc cancel")),
        "{page}"
    );
}

#[test]
fn ascii_terminals_get_ascii() {
    let mut dashboard = stage(Scene::Fleet, 132, 38);
    dashboard.model.settings = Settings {
        glyphs: cm_tui::tui::look::GlyphSet::Ascii,
        ..dashboard.model.settings.clone()
    };
    // Without a pane's own characters.
    dashboard.model.fleet.hosts[0].screens.clear();
    let text = picture::text(&dashboard.paint());
    assert!(
        text.is_ascii(),
        "{}",
        text.chars().filter(|c| !c.is_ascii()).collect::<String>()
    );
}
