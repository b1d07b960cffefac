//! Names of months and days in other languages, as dates are written with them.
//!
//! The names and their abbreviations are those of the Unicode CLDR (the forms used in dates), with
//! those that are written beside them (`Mrz`, `sept`).

/// The months and days of a language: names in their order from January and Monday, each with its
/// abbreviations after a `/`.
struct Language {
    name: &'static str,
    months: &'static str,
    days: &'static str,
}

const MONTHS: [(&str, &str); 12] = [
    ("January", "Jan"),
    ("February", "Feb"),
    ("March", "Mar"),
    ("April", "Apr"),
    ("May", "May"),
    ("June", "Jun"),
    ("July", "Jul"),
    ("August", "Aug"),
    ("September", "Sep"),
    ("October", "Oct"),
    ("November", "Nov"),
    ("December", "Dec"),
];
const DAYS: [(&str, &str); 7] = [
    ("Monday", "Mon"),
    ("Tuesday", "Tue"),
    ("Wednesday", "Wed"),
    ("Thursday", "Thu"),
    ("Friday", "Fri"),
    ("Saturday", "Sat"),
    ("Sunday", "Sun"),
];

const LANGUAGES: [Language; 11] = [
    Language {
        name: "da",
        months: "januar/jan februar/feb marts/mar april/apr maj juni/jun juli/jul august/aug september/sep \
                 oktober/okt november/nov december/dec",
        days: "mandag/man tirsdag/tirs/tir onsdag/ons torsdag/tors/tor fredag/fre lørdag/lør søndag/søn",
    },
    Language {
        name: "de",
        months: "Januar/Jan/Jänner/Jän Februar/Feb/Feber März/Mär/Mrz April/Apr Mai Juni/Jun Juli/Jul \
                 August/Aug September/Sep/Sept Oktober/Okt November/Nov Dezember/Dez",
        days: "Montag/Mo Dienstag/Di Mittwoch/Mi Donnerstag/Do Freitag/Fr Samstag/Sa/Sonnabend Sonntag/So",
    },
    Language {
        name: "es",
        months: "enero/ene febrero/feb marzo/mar abril/abr mayo/may junio/jun julio/jul agosto/ago \
                 septiembre/sep/sept/setiembre/set octubre/oct noviembre/nov diciembre/dic",
        days: "lunes/lun martes/mar miércoles/mié jueves/jue viernes/vie sábado/sáb domingo/dom",
    },
    Language {
        name: "fr",
        months: "janvier/janv février/févr/fév mars avril/avr mai juin juillet/juil août septembre/sept \
                 octobre/oct novembre/nov décembre/déc",
        days: "lundi/lun mardi/mar mercredi/mer jeudi/jeu vendredi/ven samedi/sam dimanche/dim",
    },
    Language {
        name: "it",
        months: "gennaio/gen febbraio/feb marzo/mar aprile/apr maggio/mag giugno/giu luglio/lug agosto/ago \
                 settembre/set/sett ottobre/ott novembre/nov dicembre/dic",
        days: "lunedì/lun martedì/mar mercoledì/mer giovedì/gio venerdì/ven sabato/sab domenica/dom",
    },
    Language {
        name: "nb",
        months: "januar/jan februar/feb mars/mar april/apr mai juni/jun juli/jul august/aug september/sep \
                 oktober/okt november/nov desember/des",
        days: "mandag/man tirsdag/tir onsdag/ons torsdag/tor fredag/fre lørdag/lør søndag/søn",
    },
    Language {
        name: "nl",
        months: "januari/jan februari/feb maart/mrt april/apr mei juni/jun juli/jul augustus/aug \
                 september/sep/sept oktober/okt november/nov december/dec",
        days: "maandag/ma dinsdag/di woensdag/wo donderdag/do vrijdag/vr zaterdag/za zondag/zo",
    },
    Language {
        name: "pl",
        months: "stycznia/sty/styczeń lutego/lut/luty marca/mar/marzec kwietnia/kwi/kwiecień maja/maj \
                 czerwca/cze/czerwiec lipca/lip/lipiec sierpnia/sie/sierpień września/wrz/wrzesień \
                 października/paź/październik listopada/lis/listopad grudnia/gru/grudzień",
        days: "poniedziałek/pon wtorek/wt środa/śr czwartek/czw piątek/pt sobota/sob niedziela/niedz",
    },
    Language {
        name: "pt",
        months: "janeiro/jan fevereiro/fev março/mar abril/abr maio/mai junho/jun julho/jul agosto/ago \
                 setembro/set outubro/out novembro/nov dezembro/dez",
        days: "segunda-feira/seg terça-feira/ter quarta-feira/qua quinta-feira/qui sexta-feira/sex sábado/sáb \
               domingo/dom",
    },
    Language {
        name: "sv",
        months: "januari/jan februari/feb mars/mar april/apr maj juni/jun juli/jul augusti/aug september/sep/sept \
                 oktober/okt november/nov december/dec",
        days: "måndag/mån tisdag/tis onsdag/ons torsdag/tors/tor fredag/fre lördag/lör söndag/sön",
    },
    Language {
        name: "zh",
        months: "一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月",
        days: "星期一/周一/週一 星期二/周二/週二 星期三/周三/週三 星期四/周四/週四 星期五/周五/週五 星期六/周六/週六 \
               星期日/周日/週日/星期天",
    },
];

/// Writes the names of a language in English, so that date formats read them.
#[derive(Debug, Clone)]
pub struct DateNames {
    /// Names in small letters with the English of their length; the longest first.
    names: Vec<(String, &'static str)>,
}

impl DateNames {
    /// The names of a language, by its two letters.
    ///
    /// # Errors
    /// Where its names are not known.
    pub fn new(language: &str) -> Result<Self, String> {
        let found = LANGUAGES.iter().find(|known| known.name.eq_ignore_ascii_case(language));
        let found = found.ok_or_else(|| {
            let known: Vec<&str> = LANGUAGES.iter().map(|known| known.name).collect();
            format!(
                "the months and days of `{language}` are not known, but those of {}",
                known.join(", ")
            )
        })?;
        let mut names = Vec::new();
        // of an abbreviation that is a day's and a month's (`mar`), the month is meant
        let months = found.months.split_ascii_whitespace().zip(MONTHS);
        let days = found.days.split_ascii_whitespace().zip(DAYS);
        for (written, (whole, short)) in months.chain(days) {
            for (at, name) in written.split('/').enumerate() {
                let name = name.to_lowercase();
                let english = if at == 0 || name.chars().count() > 4 { whole } else { short };
                if names.iter().all(|(known, _)| *known != name) {
                    names.push((name, english));
                }
            }
        }
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Ok(Self { names })
    }

    /// A text with its names in English. The dot of an abbreviation goes.
    pub fn apply(&self, text: &str) -> String {
        let mut written = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let in_word = |c: char| c.is_alphabetic() && c.len_utf8() < 3;
            let inside = written.chars().next_back().is_some_and(in_word) && in_word(first);
            let found = if inside { None } else { self.at_beginning(rest) };
            match found {
                Some((length, english)) => {
                    written.push_str(english);
                    rest = &rest[length..];
                    let is_short = english.len() == 3;
                    rest = rest.strip_prefix('.').filter(|_| is_short).unwrap_or(rest);
                }
                None => {
                    written.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        written
    }

    /// The name at the beginning of a text, as its length there and in English.
    fn at_beginning(&self, text: &str) -> Option<(usize, &'static str)> {
        self.names.iter().find_map(|(name, english)| {
            let mut length = 0;
            let mut characters = text.chars();
            for wanted in name.chars() {
                let found = characters.next()?;
                if !found.to_lowercase().eq([wanted]) {
                    return None;
                }
                length += found.len_utf8();
            }
            let next = characters.next();
            // Chinese names stand without a space
            let is_word = name.chars().all(|c| c.len_utf8() < 3);
            let goes_on = is_word && next.is_some_and(char::is_alphabetic);
            (!goes_on).then_some((length, *english))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::DateFormats;

    #[test]
    fn dates_with_names_of_other_languages() {
        for (language, format, text, day) in [
            ("de", "%d. %B %Y", "3. März 2024", "2024-03-03"),
            ("de", "%d. %B %Y", "3. Mai 2024", "2024-05-03"),
            ("de", "%d. %b %Y", "3. Dez. 2024", "2024-12-03"),
            ("de", "%A, %d. %B %Y", "Sonntag, 3. MÄRZ 2024", "2024-03-03"),
            ("fr", "%d %b %Y", "3 févr. 2024", "2024-02-03"),
            ("fr", "%d %B %Y", "14 août 2024", "2024-08-14"),
            ("es", "%d de %B de %Y", "3 de septiembre de 2024", "2024-09-03"),
            ("es", "%d-%b-%y", "03-ene-24", "2024-01-03"),
            ("it", "%d %B %Y", "1 gennaio 2024", "2024-01-01"),
            ("pt", "%d de %B de %Y", "7 de março de 2024", "2024-03-07"),
            ("nl", "%d %b %Y", "3 mrt. 2024", "2024-03-03"),
            ("pl", "%d %B %Y", "3 października 2024", "2024-10-03"),
            ("sv", "%d %B %Y", "3 maj 2024", "2024-05-03"),
            ("zh", "%Y年%B%d日", "2024年十二月3日", "2024-12-03"),
        ] {
            let english = DateNames::new(language).unwrap().apply(text);
            let read = DateFormats::new(&[format]).unwrap().read(&english);
            assert_eq!(read.as_deref(), Ok(day), "{language} {text} {english}");
        }
        assert_eq!(DateNames::new("de").unwrap().apply("Maier, Sonde"), "Maier, Sonde");
        assert!(DateNames::new("xx").unwrap_err().contains("de, es"));
    }

    #[test]
    fn every_language_has_all_names() {
        for language in &LANGUAGES {
            assert_eq!(language.months.split_ascii_whitespace().count(), 12, "{}", language.name);
            assert_eq!(language.days.split_ascii_whitespace().count(), 7, "{}", language.name);
        }
    }
}
