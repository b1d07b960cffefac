//! Words by which parts of addresses are known.

/// Countries as they end an address. Left out are those that are a state or a city elsewhere
/// (Georgia, Luxembourg).
pub(super) const COUNTRIES: &[&str] = &[
    "australia",
    "austria",
    "belgien",
    "belgique",
    "belgium",
    "belgië",
    "brasil",
    "brazil",
    "canada",
    "czech republic",
    "czechia",
    "danmark",
    "denmark",
    "deutschland",
    "england",
    "españa",
    "espagne",
    "finland",
    "france",
    "frankreich",
    "germany",
    "great britain",
    "hungary",
    "india",
    "ireland",
    "italia",
    "italien",
    "italy",
    "nederland",
    "netherlands",
    "new zealand",
    "niederlande",
    "norge",
    "northern ireland",
    "norway",
    "poland",
    "polska",
    "portugal",
    "schweiz",
    "scotland",
    "slovakia",
    "spain",
    "spanien",
    "suisse",
    "svizzera",
    "sverige",
    "sweden",
    "switzerland",
    "the netherlands",
    "u.k.",
    "u.s.",
    "u.s.a.",
    "uk",
    "united kingdom",
    "united states",
    "united states of america",
    "us",
    "usa",
    "wales",
    "österreich",
];

/// States and provinces by their letters.
const OF_USA: &str = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH \
NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR GU VI";
const OF_AUSTRALIA: &str = "NSW VIC QLD SA WA TAS ACT NT";
const OF_CANADA: &str = "ON QC BC AB MB SK NS NB NL PE YT NT NU";
const OF_BRAZIL: &str =
    "AC AL AP AM BA CE DF ES GO MA MT MS MG PA PB PR PE PI RJ RN RS RO RR SC SP SE TO";
/// Without FR and FI, which are countries with such postcodes, too.
const OF_ITALY: &str = "AG AL AN AO AP AQ AR AT AV BA BG BI BL BN BO BR BS BT BZ CA CB CE CH CL CN CO CR CS \
CT CZ EN FC FE FG FM GE GO GR IM IS KR LC LE LI LO LT LU MB MC ME MI MN MO MS MT NA NO NU OR PA PC PD PE PG \
PI PN PO PR PT PU PV PZ RA RC RE RG RI RM RN RO SA SI SO SP SR SS SU SV TA TE TN TO TP TR TS TV UD VA VB VC \
VE VI VR VT VV";
/// States by letters that are well-known of a country, too: without a postcode nobody can tell.
const OR_COUNTRIES: [&str; 5] = ["AR", "CA", "CO", "DE", "IN"];

/// The states of the USA in full, but for those that are a city, too.
const STATES_IN_FULL: &[&str] = &[
    "alabama",
    "alaska",
    "arizona",
    "arkansas",
    "california",
    "colorado",
    "connecticut",
    "delaware",
    "florida",
    "hawaii",
    "idaho",
    "illinois",
    "indiana",
    "iowa",
    "kansas",
    "kentucky",
    "louisiana",
    "maine",
    "maryland",
    "massachusetts",
    "michigan",
    "minnesota",
    "mississippi",
    "missouri",
    "montana",
    "nebraska",
    "nevada",
    "new hampshire",
    "new jersey",
    "new mexico",
    "north carolina",
    "north dakota",
    "ohio",
    "oklahoma",
    "oregon",
    "pennsylvania",
    "rhode island",
    "south carolina",
    "south dakota",
    "tennessee",
    "texas",
    "utah",
    "vermont",
    "virginia",
    "west virginia",
    "wisconsin",
    "wyoming",
    "new south wales",
    "queensland",
    "tasmania",
];

/// What English, Dutch and Swedish streets end in; what other Germanic ones end in within a word.
const LAST_WORDS: &[&str] = &[
    "alley",
    "allee",
    "ave",
    "avenue",
    "blvd",
    "boulevard",
    "cct",
    "circuit",
    "close",
    "court",
    "cres",
    "crescent",
    "dr",
    "drive",
    "esplanade",
    "freeway",
    "gardens",
    "gasse",
    "grove",
    "highway",
    "hwy",
    "lane",
    "ln",
    "mews",
    "parkway",
    "pkwy",
    "pl",
    "place",
    "quay",
    "rd",
    "road",
    "square",
    "sq",
    "st",
    "str",
    "straat",
    "straße",
    "strasse",
    "street",
    "terrace",
    "weg",
    "platz",
    "laan",
    "gade",
    "gatan",
];
const LAST_SYLLABLES: &[&str] = &[
    "straße", "strasse", "str", "gasse", "weg", "platz", "damm", "ufer", "straat", "gracht",
    "plein", "kade", "gade", "gatan", "vägen", "vej", "utca",
];

/// What Romance streets begin with.
const FIRST_WORDS: &[&str] = &[
    "rue",
    "avenue",
    "av",
    "boulevard",
    "bd",
    "allée",
    "chemin",
    "impasse",
    "quai",
    "cours",
    "via",
    "viale",
    "corso",
    "piazza",
    "piazzale",
    "vicolo",
    "calle",
    "c/",
    "avenida",
    "plaza",
    "paseo",
    "rua",
    "travessa",
    "praça",
    "largo",
    "ul",
    "ulica",
    "am",
    "an",
    "im",
    "unter",
    "straße",
];

/// Points of the compass that follow a street: `Pennsylvania Ave NW`.
const COMPASS: &[&str] =
    &["n", "s", "e", "w", "ne", "nw", "se", "sw", "north", "south", "east", "west"];

fn bare(word: &str) -> String {
    word.trim_end_matches('.').to_lowercase()
}

/// Whether a text is the name of a country.
pub(super) fn is_country(text: &str) -> bool {
    COUNTRIES.contains(&text.to_lowercase().as_str())
}

/// The states of the country whose postcodes look so.
pub(super) fn states_of(code: &str) -> Vec<&'static str> {
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let of = match code.split_once('-') {
        None if code.len() == 4 && digits(code) => OF_AUSTRALIA,
        None if code.len() == 5 && digits(code) => OF_USA,
        Some((first, last)) if digits(first) && digits(last) => match (first.len(), last.len()) {
            (5, 4) => OF_USA,
            (5, 3) => OF_BRAZIL,
            _ => "",
        },
        None if code.starts_with(char::is_alphabetic)
            && code.ends_with(|c: char| c.is_ascii_digit()) =>
        {
            OF_CANADA
        }
        _ => "",
    };
    of.split_ascii_whitespace().collect()
}

/// The provinces of Italy, where a postcode before a city may be one of there.
pub(super) fn italian_provinces(code: &str) -> Vec<&'static str> {
    let of = if code.len() == 5 { OF_ITALY } else { "" };
    of.split_ascii_whitespace().collect()
}

/// The states that are known without a postcode.
pub(super) fn states() -> Vec<&'static str> {
    let all = [OF_USA, OF_AUSTRALIA, OF_CANADA, OF_BRAZIL].into_iter();
    let all = all.flat_map(str::split_ascii_whitespace);
    all.filter(|state| !OR_COUNTRIES.contains(state)).collect()
}

/// Whether a text is a state's name in full.
pub(super) fn is_state_in_full(text: &str) -> bool {
    STATES_IN_FULL.contains(&text.to_lowercase().as_str())
}

/// Whether a text is the name of a street by its words.
pub(super) fn is_street(text: &str) -> bool {
    let words: Vec<String> = text.split(' ').map(bare).collect();
    let last = words.iter().rposition(|word| !COMPASS.contains(&word.as_str()));
    let ends = last.is_some_and(|last| last > 0 && LAST_WORDS.contains(&words[last].as_str()));
    ends || begins_as_street(&words) || words.last().is_some_and(|word| is_street_word(word))
}

fn begins_as_street(words: &[String]) -> bool {
    words.len() > 1 && FIRST_WORDS.contains(&words[0].as_str())
}

/// Whether a word is a street by its last syllable: `Hauptstraße`.
fn is_street_word(word: &str) -> bool {
    let is_longer = |syllable: &&&str| word.len() > syllable.len();
    LAST_SYLLABLES.iter().filter(is_longer).any(|syllable| word.ends_with(syllable))
}

/// The words up to the one that ends a street, and those behind it, where there are both.
pub(super) fn split_behind_street(text: &str) -> Option<(String, String)> {
    let words: Vec<&str> = text.split(' ').collect();
    if begins_as_street(&words.iter().copied().map(bare).collect::<Vec<_>>()) {
        return None;
    }
    let is_compass =
        |at: usize| words.get(at).is_some_and(|word| COMPASS.contains(&bare(word).as_str()));
    let ends = |at: &usize| LAST_WORDS.contains(&bare(words[*at]).as_str());
    let mut all = (1..words.len()).filter(ends);
    let last = all.next()?;
    let last = if is_compass(last + 1) { last + 1 } else { last };
    // two of them (`Park Avenue Court`) do not say which one ends it
    let is_plain = all.all(|other| other <= last) && last + 1 < words.len();
    is_plain.then(|| (words[..=last].join(" "), words[last + 1..].join(" ")))
}
