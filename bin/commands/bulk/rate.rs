//! A pace: `50/s`, `600/m`, `100/h`, or jobs a second.

use crate::output::Exit;
use crate::output::Fault;

/// Jobs a second.
pub(super) fn parse(text: &str) -> Result<f64, Fault> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(unclear()),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number / seconds),
        _ => Err(unclear()),
    }
}

fn unclear() -> Fault {
    Fault::new(Exit::Usage, "expected a pace as 50/s, 600/m or 100/h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_read_by_the_second_minute_and_hour() {
        let read = ["50/s", "600/m", "90/h", "2.5"].map(|text| parse(text).ok());

        assert_eq!(read, [Some(50.0), Some(10.0), Some(0.025), Some(2.5)]);
        for text in ["", "fast", "-1/s", "0/s", "5/d", "inf/s", "NaN"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
