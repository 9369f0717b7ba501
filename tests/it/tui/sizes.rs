//! Every page at every size: nothing panics, nothing is drawn outside.

use cm_tui::tui::message::Msg;
use cm_tui::tui::model::Page;

use rstest::rstest;

use super::picture;
use super::views::{SCENES, stage};

/// How many widths apart two sizes of the same height are: a scene meets some 200 sizes, and every width from 1 to
/// 200 at some height. In a build without optimisation a large frame takes milliseconds.
const STEP: usize = 101;

#[rstest]
fn every_scene_survives_every_size(
    #[values(
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
        25, 26, 27, 28
    )]
    index: usize,
    #[values(Page::List, Page::Screen)] page: Page,
) {
    let mut dashboard = stage(SCENES[index], 132, 38);
    dashboard.model.page = page;
    for rows in 1..=60u16 {
        let first = (usize::from(rows) * 7 + index) % STEP + 1;
        let corners = [1, 2, 39, 40, 59, 60].into_iter().filter(|_| rows <= 14);
        for columns in (first..=200).step_by(STEP).chain(corners) {
            dashboard.send(Msg::Resized(u16::try_from(columns).unwrap(), rows));
            dashboard.paint();
        }
    }
}

#[test]
fn below_its_least_size_it_says_what_it_needs() {
    let mut dashboard = stage(super::views::Scene::Fleet, 39, 11);
    assert_eq!(
        picture::text(&dashboard.paint()).trim_end(),
        "needs 40×12, has 39×11\n2 need you"
    );
    dashboard.send(Msg::Resized(40, 12));
    assert!(picture::text(&dashboard.paint()).contains("shop"));
}
