//! What is on screen, at three sizes, with colours and without.

use cm_tui::fleet::Notice;
use cm_tui::tui::colours::Colours;
use cm_tui::tui::settings::Settings;
use cm_tui::tui::theme::{BUILT_IN, Theme};
use rstest::rstest;

use super::fixture::{Dashboard, failure};
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
}

pub const SCENES: [Scene; 13] = [
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
];

pub fn stage(scene: Scene, columns: u16, rows: u16) -> Dashboard {
    if scene == Scene::Empty {
        let mut dashboard = Dashboard::empty(columns, rows);
        dashboard.model.servers = vec!["default".to_owned(), "cm".to_owned()];
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
    }
    dashboard
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
        Scene::Toasts
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
