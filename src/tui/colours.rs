//! As many colours as the terminal has: what a theme or a pane wants becomes the nearest that may be used.
//!
//! Promise: the environment is read once, the terminal is asked nothing.

use ratatui::style::{Color, Modifier, Style};
use termprofile::{DetectorSettings, TermProfile};

/// How many colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    None,
    Sixteen,
    TwoFiftySix,
    True,
}

impl Colours {
    /// Reads the environment: `NO_COLOR`, `TERM`, `COLORTERM` and their like. Asks the terminal nothing.
    pub fn detect() -> Self {
        match TermProfile::detect(&std::io::stdout(), DetectorSettings::default()) {
            TermProfile::NoTty | TermProfile::NoColor => Self::None,
            TermProfile::Ansi16 => Self::Sixteen,
            TermProfile::Ansi256 => Self::TwoFiftySix,
            TermProfile::TrueColor => Self::True,
        }
    }

    /// The nearest colour that may be used; `None` stands for no colour at all.
    pub fn reduce(self, color: Color) -> Option<Color> {
        match (self, color) {
            (Self::None, _) => None,
            (Self::True, color) | (Self::TwoFiftySix, color @ Color::Indexed(_)) => Some(color),
            (Self::TwoFiftySix, Color::Rgb(r, g, b)) => Some(Color::Indexed(nearest_256(r, g, b))),
            (Self::Sixteen, Color::Rgb(r, g, b)) => Some(nearest_16(r, g, b)),
            (Self::Sixteen, Color::Indexed(index)) => Some(if index < 16 {
                SIXTEEN[usize::from(index)].0
            } else {
                let (r, g, b) = rgb_of(index);
                nearest_16(r, g, b)
            }),
            (_, named) => Some(named),
        }
    }

    /// The style with colours that may be used. Without colours a background becomes reverse, so that chips and the
    /// selection stay visible.
    pub fn reduce_style(self, style: Style) -> Style {
        let mut reduced = style;
        reduced.fg = style.fg.and_then(|color| self.reduce(color));
        reduced.bg = style.bg.and_then(|color| self.reduce(color));
        if self == Self::None && style.bg.is_some() {
            reduced = reduced.add_modifier(Modifier::REVERSED);
        }
        reduced
    }
}

/// The terminal's own colours, with the values most terminals give them.
pub const SIXTEEN: [(Color, (u8, u8, u8)); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 0, 0)),
    (Color::Green, (0, 205, 0)),
    (Color::Yellow, (205, 205, 0)),
    (Color::Blue, (0, 0, 238)),
    (Color::Magenta, (205, 0, 205)),
    (Color::Cyan, (0, 205, 205)),
    (Color::Gray, (229, 229, 229)),
    (Color::DarkGray, (127, 127, 127)),
    (Color::LightRed, (255, 92, 92)),
    (Color::LightGreen, (92, 255, 92)),
    (Color::LightYellow, (255, 255, 92)),
    (Color::LightBlue, (92, 92, 255)),
    (Color::LightMagenta, (255, 92, 255)),
    (Color::LightCyan, (92, 255, 255)),
    (Color::White, (255, 255, 255)),
];

fn distance(one: (u8, u8, u8), other: (u8, u8, u8)) -> u32 {
    // The eye sees differences in green best and in blue least.
    let part = |a: u8, b: u8, weight: u32| weight * u32::from(a.abs_diff(b)).pow(2);
    part(one.0, other.0, 3) + part(one.1, other.1, 6) + part(one.2, other.2, 1)
}

fn nearest_16(r: u8, g: u8, b: u8) -> Color {
    SIXTEEN
        .iter()
        .min_by_key(|(_, value)| distance((r, g, b), *value))
        .map_or(Color::Reset, |(color, _)| *color)
}

/// The steps of the colour cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn nearest_256(r: u8, g: u8, b: u8) -> u8 {
    let step = |value: u8| -> u8 {
        match value {
            0..48 => 0,
            48..115 => 1,
            _ => (value - 35) / 40,
        }
    };
    let cube = 16 + 36 * step(r) + 6 * step(g) + step(b);
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let grey = 232
        + u8::try_from(mean.saturating_sub(3) / 10)
            .unwrap_or(23)
            .min(23);
    if distance((r, g, b), rgb_of(grey)) < distance((r, g, b), rgb_of(cube)) {
        grey
    } else {
        cube
    }
}

fn rgb_of(index: u8) -> (u8, u8, u8) {
    match index {
        0..16 => SIXTEEN[usize::from(index)].1,
        16..232 => {
            let n = usize::from(index - 16);
            (CUBE[n / 36], CUBE[n / 6 % 6], CUBE[n % 6])
        }
        232.. => {
            let level = 8 + 10 * (index - 232);
            (level, level, level)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Color::Rgb(255, 0, 0), Color::Indexed(196), Color::Red)]
    #[case(Color::Rgb(128, 128, 128), Color::Indexed(244), Color::DarkGray)]
    #[case(Color::Indexed(9), Color::Indexed(9), Color::LightRed)]
    #[case(Color::Yellow, Color::Yellow, Color::Yellow)]
    fn colours_are_reduced_to_the_nearest(
        #[case] color: Color,
        #[case] many: Color,
        #[case] few: Color,
    ) {
        assert_eq!(Colours::True.reduce(color), Some(color));
        assert_eq!(Colours::TwoFiftySix.reduce(color), Some(many));
        assert_eq!(Colours::Sixteen.reduce(color), Some(few));
        assert_eq!(Colours::None.reduce(color), None);
    }
}
