//! Values of settings, as people write them.

use super::Room;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

pub(super) fn number(text: &str) -> Result<usize, String> {
    text.replace('_', "").parse().map_err(|_| format!("expected a whole number, found `{text}`"))
}

pub(super) fn at_least(value: usize, least: usize, shown: &str) -> Result<(), String> {
    if value < least { Err(format!("expected at least {shown}")) } else { Ok(()) }
}

pub(super) fn on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(format!("expected `on` or `off`, found `{text}`")),
    }
}

pub(super) fn one_in(text: &str) -> Result<u64, String> {
    match text {
        "off" | "false" => Ok(0),
        _ => text.parse().ok().filter(|count| *count > 0).ok_or_else(|| {
            format!("expected a whole number of at least 1, or `off`, found `{text}`")
        }),
    }
}

/// Room for something.
pub(super) fn some_room(text: &str) -> Result<Room, String> {
    match text.parse()? {
        Room::Bytes(0) => Err("0 bytes have room for none; `off` keeps none".to_owned()),
        room => Ok(room),
    }
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("expected a path".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.replace("localhost", "127.0.0.1");
    text.parse()
        .map_err(|_| format!("expected address:port such as 127.0.0.1:31337, found `{text}`"))
}

pub(super) fn endpoint(text: &str) -> Result<String, String> {
    let wrong = || format!("expected a URL such as http://127.0.0.1:4317, found `{text}`");
    let url = Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a URL with a password in it is read by too many: keys go into the environment \
                    variable OTEL_EXPORTER_OTLP_HEADERS"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

pub(super) fn level(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let known = |filter: &str| {
        let level = filter.rsplit('=').next().unwrap_or_default().trim().to_lowercase();
        LEVELS.contains(&level.as_str())
    };
    if text.split(',').all(known) {
        return Ok(text.to_owned());
    }
    Err(format!("expected one of {}, found `{text}`", LEVELS.join(", ")))
}
