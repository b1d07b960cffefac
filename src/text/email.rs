//! E-mail addresses.

/// An e-mail address in lower case, out of `mailto:a@b.org` or `Ann <a@b.org>` as well.
///
/// # Errors
/// What is wrong with it.
pub fn email(text: &str) -> Result<String, String> {
    const MOST: usize = 254;
    let wrong = |why: &str| format!("`{text}` is no e-mail address: {why}");
    let mut address = text.trim();
    if let Some((_, inside)) = address.split_once('<') {
        address = inside.strip_suffix('>').ok_or_else(|| wrong("`<` is not closed"))?.trim();
    }
    let has_scheme = address.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    let address = if has_scheme { &address[7..] } else { address };
    let (local, domain) = address.rsplit_once('@').ok_or_else(|| wrong("it has no `@`"))?;
    check_local(local).map_err(|why| wrong(&why))?;
    check_domain(domain).map_err(|why| wrong(&why))?;
    if address.len() > MOST {
        return Err(wrong("it is longer than 254 characters"));
    }
    Ok(address.to_lowercase())
}

fn check_local(local: &str) -> Result<(), String> {
    const MOST: usize = 64;
    let is_right = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if local.is_empty() {
        return Err("nothing stands before the `@`".to_owned());
    }
    if let Some(odd) = local.chars().find(|c| !is_right(*c)) {
        return Err(format!("`{odd}` cannot stand before the `@`"));
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err("a dot stands beside nothing".to_owned());
    }
    if local.len() > MOST {
        return Err("more than 64 characters stand before the `@`".to_owned());
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), String> {
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| {
        let inside = label.chars().all(|c| c.is_alphanumeric() || c == '-');
        !label.is_empty()
            && label.len() <= 63
            && inside
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_top = |label: &str| {
        label.chars().count() > 1
            && (label.starts_with("xn--") || label.chars().all(char::is_alphabetic))
    };
    match labels.last() {
        Some(top) if labels.len() > 1 && labels.iter().all(is_label) && is_top(top) => Ok(()),
        _ => Err(format!("`{domain}` is no domain")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_recognised() {
        for (text, address) in [
            (" Ann.Lee+shop@Example.ORG ", "ann.lee+shop@example.org"),
            ("mailto:a@b.co.uk", "a@b.co.uk"),
            ("Ann Lee <ann@example.org>", "ann@example.org"),
            ("o'neill@x-y.museum", "o'neill@x-y.museum"),
            ("zoë@müller.de", "zoë@müller.de"),
            ("a@xn--mller-kva.xn--p1ai", "a@xn--mller-kva.xn--p1ai"),
        ] {
            assert_eq!(email(text).as_deref(), Ok(address));
        }
    }

    #[test]
    fn what_is_none_is_told() {
        for (text, why) in [
            ("ann", "no `@`"),
            ("@b.org", "nothing stands before"),
            ("a..b@c.org", "a dot stands beside nothing"),
            ("a b@c.org", "cannot stand before"),
            ("a@b@c.org", "`@` cannot stand before"),
            ("a@localhost", "no domain"),
            ("a@-b.org", "no domain"),
            ("a@b.c1", "no domain"),
            ("a@b..org", "no domain"),
            ("Ann <a@b.org", "not closed"),
        ] {
            let told = email(text).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }
}
