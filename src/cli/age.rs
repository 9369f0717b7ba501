//! How long ago, as people type it: `90s`, `10m`, `2h`, `3d`, `1w`.

/// Reads an age as milliseconds.
pub fn age(text: &str) -> Result<u64, String> {
    let wrong = || "a number and a unit: 30s, 10m, 2h, 3d or 1w".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).and_then(|text| text.parse().ok());
    let age = number.and_then(|number: u64| number.checked_mul(seconds * 1000));
    age.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", Some(90_000))]
    #[case("2h", Some(7_200_000))]
    #[case("3d", Some(259_200_000))]
    #[case("1w", Some(604_800_000))]
    #[case("", None)]
    #[case("2", None)]
    #[case("h", None)]
    #[case("2 h", None)]
    #[case("-2h", None)]
    #[case("2µ", None)]
    #[case("99999999999999999d", None)]
    fn an_age_is_a_number_and_a_unit(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(age(text).ok(), expected);
    }
}
