//! Sizes as people write them.

use std::str::FromStr;

/// Room for aggregates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Room {
    /// So many bytes.
    Bytes(u64),
    /// So much of what the cubes' facts weigh; 1 is as much as they do.
    Share(f64),
}

impl Room {
    /// Bytes, where the facts weigh so many.
    pub fn bytes(self, facts: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Share(share) => (facts as f64 * share) as u64,
        }
    }
}

impl FromStr for Room {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(percent) = text.trim().strip_suffix('%') else {
            let told =
                |_| format!("expected bytes such as 512MB, or a share such as 50%, found `{text}`");
            return bytes(text).map(|bytes| Self::Bytes(bytes as u64)).map_err(told);
        };
        match percent.trim().parse::<f64>() {
            Ok(percent) if percent > 0.0 && percent <= 10_000.0 => Ok(Self::Share(percent / 100.0)),
            _ => Err(format!("expected a share such as 50%, found `{text}`")),
        }
    }
}

/// A number of bytes: `512 MiB`, `8GB`, `1.5 GiB`, `1073741824`.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let unknown = || format!("expected bytes such as `512 MiB` or `8 GB`, found `{text}`");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
    let (digits, unit) = text.split_at(split.unwrap_or(text.len()));
    let factor: f64 = match unit.trim().to_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "k" | "kib" => f64::from(1_u32 << 10),
        "m" | "mib" => f64::from(1_u32 << 20),
        "g" | "gib" => f64::from(1_u32 << 30),
        "t" | "tib" => f64::from(1_u32 << 30) * 1024.0,
        _ => return Err(unknown()),
    };
    let number: f64 = digits.replace('_', "").parse().map_err(|_| unknown())?;
    // Below 2^53 a double holds every whole number, and no machine has as many bytes.
    let bytes = number * factor;
    if !(0.0..9e15).contains(&bytes) {
        return Err(unknown());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(bytes as usize)
}

#[cfg(test)]
mod tests {
    use super::Room;

    #[test]
    fn room_as_people_write_it() {
        assert_eq!("25%".parse(), Ok(Room::Share(0.25)));
        assert_eq!(" 12.5 %".parse(), Ok(Room::Share(0.125)));
        assert_eq!("512MB".parse(), Ok(Room::Bytes(512_000_000)));
        assert_eq!("1 GiB".parse(), Ok(Room::Bytes(1 << 30)));
        for wrong in ["-5%", "0%", "much", "12 %%", ""] {
            let told = wrong.parse::<Room>().unwrap_err();
            assert!(told.contains("expected"), "{wrong}: {told}");
        }
        assert_eq!(Room::Share(0.5).bytes(1000), 500);
    }
}
