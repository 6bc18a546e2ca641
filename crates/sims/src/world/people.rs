//! Made-up firms and people, the same ones for the same seed.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Given names, and how the same person is also written: a short form, a nickname, another spelling.
const GIVEN: &[(&str, &str)] = &[
    ("John", "Jon"),
    ("Robert", "Bob"),
    ("Elizabeth", "Liz"),
    ("Michael", "Mike"),
    ("Katherine", "Kate"),
    ("Alexander", "Alex"),
    ("José", "Jose"),
    ("Zoë", "Zoe"),
    ("Björn", "Bjorn"),
    ("Søren", "Soren"),
    ("Chloé", "Chloe"),
    ("François", "Francois"),
    ("Ada", "Ada"),
    ("Grace", "Grace"),
    ("Edsger", "Edsger"),
    ("Barbara", "Barb"),
    ("Radia", "Radia"),
    ("Niklaus", "Niklaus"),
    ("Frances", "Fran"),
    ("Shafi", "Shafi"),
    ("Leslie", "Les"),
    ("Dennis", "Dennis"),
    ("Priya", "Priya"),
    ("Wei", "Wei"),
    ("Amara", "Amara"),
    ("Tomás", "Tomas"),
    ("Ingrid", "Ingrid"),
    ("Hiroshi", "Hiroshi"),
    ("Fatima", "Fatima"),
    ("Olu", "Olu"),
    ("Nadia", "Nadia"),
    ("Viktor", "Viktor"),
    ("Katarina", "Katarina"),
    ("Sofía", "Sofia"),
    ("Matthew", "Matt"),
    ("Daniel", "Dan"),
    ("Jennifer", "Jen"),
    ("Benjamin", "Ben"),
    ("Nicholas", "Nick"),
    ("Samuel", "Sam"),
    ("Christina", "Chris"),
    ("Gabriel", "Gabriel"),
    ("Miriam", "Miriam"),
    ("Noah", "Noah"),
    ("Elena", "Elena"),
    ("Yusuf", "Yusuf"),
    ("Mei", "Mei"),
    ("Arjun", "Arjun"),
];

/// Family names.
const FAMILY: &[&str] = &[
    "Berger",
    "Castillo",
    "Dubois",
    "Eriksen",
    "Fontana",
    "Goldberg",
    "Haddad",
    "Ivanova",
    "Jensen",
    "Kowalski",
    "Laurent",
    "Moretti",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Quinn",
    "Rossi",
    "Schröder",
    "Tanaka",
    "Urquhart",
    "Varga",
    "Whitfield",
    "Xavier",
    "Yilmaz",
    "Zielinski",
    "Andersson",
    "Brandt",
    "Choudhury",
    "Delgado",
    "Edwards",
    "Fischer",
    "García",
    "Hoffmann",
    "Iyer",
    "Janssen",
    "Kaplan",
    "Lindqvist",
    "Mbeki",
    "Novak",
    "O'Brien",
    "Pereira",
    "Reyes",
    "Sørensen",
    "Thompson",
    "Ueda",
    "Vasquez",
    "Weber",
    "Young",
    "van Dijk",
    "de la Cruz",
    "Müller",
    "Nguyen",
    "Abbott",
    "Bianchi",
    "Carlsen",
    "Duarte",
];

const COLOUR: &[&str] = &[
    "Amber", "Azure", "Birch", "Cedar", "Cobalt", "Copper", "Coral", "Crimson", "Delta", "Ember", "Fern", "Golden", "Granite", "Harbor",
    "Hazel", "Indigo", "Ivory", "Jade", "Juniper", "Larch", "Linden", "Lunar", "Maple", "Marble", "Meridian", "Misty", "Northern", "Oak",
    "Onyx", "Opal", "Orchid", "Pacific", "Pearl", "Pine", "Quartz", "Rowan", "Ruby", "Sable", "Silver", "Solar", "Spruce", "Sterling",
    "Summit", "Teal", "Timber", "Velvet", "Vertex", "Violet", "Willow", "Zephyr",
];

const THING: &[&str] = &[
    "Anchor",
    "Arrow",
    "Badger",
    "Beacon",
    "Bridge",
    "Canyon",
    "Castle",
    "Compass",
    "Crane",
    "Crown",
    "Falcon",
    "Field",
    "Forge",
    "Fox",
    "Gate",
    "Glacier",
    "Hawk",
    "Heron",
    "Hill",
    "Island",
    "Lantern",
    "Leaf",
    "Lighthouse",
    "Meadow",
    "Mill",
    "Moon",
    "Mountain",
    "Orbit",
    "Otter",
    "Peak",
    "Pilot",
    "Prairie",
    "Raven",
    "River",
    "Rock",
    "Sail",
    "Shore",
    "Sparrow",
    "Spring",
    "Star",
    "Stone",
    "Thistle",
    "Tower",
    "Trail",
    "Valley",
    "Wave",
    "Wharf",
    "Wind",
    "Wolf",
    "Yard",
];

const TRADE: &[(&str, &str)] = &[
    ("Analytics", "Technology"),
    ("Foods", "Retail"),
    ("Freight", "Transportation"),
    ("Health", "Healthcare"),
    ("Instruments", "Manufacturing"),
    ("Media", "Media"),
    ("Robotics", "Technology"),
    ("Software", "Technology"),
    ("Textiles", "Manufacturing"),
    ("Travel", "Transportation"),
    ("Insurance", "Insurance"),
    ("Energy", "Energy"),
    ("Learning", "Education"),
    ("Capital", "Finance"),
    ("Biotech", "Biotechnology"),
    ("Telecom", "Telecommunications"),
    ("Consulting", "Consulting"),
    ("Utilities", "Utilities"),
    ("Electronics", "Electronics"),
    ("Farms", "Agriculture"),
];

const FORM: &[&str] = &["", " Inc.", " LLC", " GmbH", " Ltd", " SA", " BV", " AB"];

const TITLE: &[&str] = &[
    "Head of Support",
    "IT Manager",
    "Operations Lead",
    "CTO",
    "Office Manager",
    "VP Customer Experience",
    "Systems Administrator",
    "Procurement Manager",
    "Support Engineer",
    "Finance Director",
    "Product Owner",
    "Data Analyst",
    "COO",
    "Training Coordinator",
];

/// Customer success managers.
pub(crate) const CSM: &[&str] = &[
    "Maya Ortiz",
    "Liam Becker",
    "Hannah Cole",
    "Rashid Khan",
    "Greta Lund",
    "Tobias Frei",
    "Yara Haddad",
    "Colin Park",
    "Ines Duarte",
    "Noor Aziz",
    "Felix Wagner",
    "Sienna Blake",
];

/// A firm.
#[derive(Debug, Clone)]
pub(crate) struct Firm {
    /// With its legal form.
    pub name: String,
    /// Without it.
    pub short: String,
    pub domain: String,
    pub industry: &'static str,
    pub employees: u64,
}

/// Number of firms with different names.
pub(crate) const FIRMS_MAX: u64 = 50 * 50 * 20;

/// The firm of that number: different numbers below [`FIRMS_MAX`] have different names.
pub(crate) fn firm(number: u64, seed: u64, rng: &mut ChaCha8Rng) -> Firm {
    // A step that shares no factor with the count visits every combination once; a seed begins elsewhere.
    let place = (number.wrapping_mul(30_011).wrapping_add(seed.wrapping_mul(7_919))) % FIRMS_MAX;
    let at = |divisor: u64, many: usize| usize::try_from(place / divisor % many as u64).unwrap_or(0);
    let (trade, industry) = TRADE[at(1, TRADE.len())];
    let short = format!("{} {} {trade}", COLOUR[at(20, COLOUR.len())], THING[at(1_000, THING.len())]);
    let form = FORM.choose(rng).copied().unwrap_or_default();
    Firm {
        domain: format!("{}.example", short.to_lowercase().replace(' ', "-")),
        name: format!("{short}{form}"),
        short,
        industry,
        employees: 10 + rng.random_range(0..70_u64).pow(2),
    }
}

/// A person as the CRM writes them.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub first: &'static str,
    pub last: &'static str,
    /// Another form of the given name; often the same.
    pub also_first: &'static str,
    pub email: String,
    pub phone: Phone,
    pub title: &'static str,
    /// Time zone: the desk's name and the IANA name.
    pub zone: (&'static str, &'static str),
    pub language: &'static str,
}

/// Time zones: as the support desk names them, and their IANA names.
pub(crate) const ZONES: &[(&str, &str)] = &[
    ("Eastern Time (US & Canada)", "America/New_York"),
    ("Central Time (US & Canada)", "America/Chicago"),
    ("Mountain Time (US & Canada)", "America/Denver"),
    ("Pacific Time (US & Canada)", "America/Los_Angeles"),
    ("London", "Europe/London"),
    ("Berlin", "Europe/Berlin"),
    ("Paris", "Europe/Paris"),
    ("Tokyo", "Asia/Tokyo"),
];

/// A phone number that can be written in several ways.
#[derive(Debug, Clone)]
pub(crate) struct Phone {
    country: &'static str,
    area: String,
    rest: [String; 2],
}

/// Area codes of the United States in use.
const AREAS: &[&str] = &["212", "312", "415", "617", "206", "303", "404", "512", "702", "305", "214", "503", "602", "619", "720"];

impl Phone {
    /// A number that no other `serial` below 50 million has.
    pub(crate) fn numbered(serial: u64) -> Self {
        let line = format!("{:04}", serial % 10_000);
        let upper = serial / 10_000;
        match serial % 8 {
            5 => Self { country: "44", area: "20".to_owned(), rest: [format!("7{:03}", upper % 1_000), line] },
            6 => Self { country: "49", area: "30".to_owned(), rest: [format!("{}", 2_000 + upper % 8_000), line] },
            _ => {
                let area = AREAS[usize::try_from(upper % AREAS.len() as u64).unwrap_or(0)];
                // Exchanges begin with 2 to 9, and 555 is for films.
                let exchange = 200 + upper / AREAS.len() as u64 % 355;
                Self { country: "1", area: area.to_owned(), rest: [exchange.to_string(), line] }
            }
        }
    }

    /// As the CRM has it.
    pub(crate) fn spaced(&self) -> String {
        format!("+{} {} {} {}", self.country, self.area, self.rest[0], self.rest[1])
    }

    /// The same number as somebody else typed it.
    pub(crate) fn otherwise(&self, roll: u32) -> String {
        match (roll % 4, self.country) {
            (0, "1") => format!("({}) {}-{}", self.area, self.rest[0], self.rest[1]),
            (1, "1") => format!("{}.{}.{}", self.area, self.rest[0], self.rest[1]),
            (2, "1") => format!("1-{}-{}-{}", self.area, self.rest[0], self.rest[1]),
            (0 | 1, country) => format!("+{country} (0){} {}{}", self.area, self.rest[0], self.rest[1]),
            (_, country) => format!("+{country}{}{}{}", self.area, self.rest[0], self.rest[1]),
        }
    }
}

/// Letters without accents, in lower case, for addresses.
fn plain(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .filter_map(|c| match c {
            'a'..='z' | '0'..='9' => Some(c),
            'á' | 'à' | 'ä' => Some('a'),
            'é' | 'è' | 'ë' => Some('e'),
            'í' => Some('i'),
            'ó' | 'ö' | 'ø' => Some('o'),
            'ú' | 'ü' => Some('u'),
            'ç' => Some('c'),
            _ => None,
        })
        .collect()
}

/// So many different people of one firm. `serial` numbers the first of them among everybody.
pub(crate) fn staff(firm: &Firm, many: usize, serial: u64, rng: &mut ChaCha8Rng) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::with_capacity(many);
    while people.len() < many {
        let (first, also_first) = GIVEN.choose(rng).copied().unwrap_or(("Ada", "Ada"));
        let last = FAMILY.choose(rng).copied().unwrap_or("Berger");
        let email = format!("{}.{}@{}", plain(first), plain(last), firm.domain);
        // Two people of one firm share no address, and no name that reads the same without accents.
        if people.iter().any(|other| other.email == email) {
            continue;
        }
        let zone = ZONES.choose(rng).copied().unwrap_or(ZONES[0]);
        let language = match zone.0 {
            "Berlin" => "de",
            "Paris" => "fr",
            "Tokyo" => "ja",
            _ => "en-US",
        };
        people.push(Person {
            first,
            last,
            also_first,
            email,
            phone: Phone::numbered(serial + people.len() as u64),
            title: TITLE.choose(rng).copied().unwrap_or("CTO"),
            zone,
            language,
        });
    }
    people
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn no_two_firms_share_a_name_and_no_two_people_a_phone() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let firms: BTreeSet<String> = (0..20_000).map(|number| firm(number, 1, &mut rng).domain).collect();
        assert_eq!(firms.len(), 20_000);
        let phones: BTreeSet<String> = (0..200_000).map(|serial| Phone::numbered(serial).spaced()).collect();
        assert_eq!(phones.len(), 200_000);
    }

    #[test]
    fn a_number_written_otherwise_has_the_same_digits() {
        for serial in [1, 5, 6, 70_001] {
            let phone = Phone::numbered(serial);
            let digits = |text: &str| text.replace("(0)", "").chars().filter(char::is_ascii_digit).collect::<String>();
            for roll in 0..4 {
                assert!(digits(&phone.spaced()).ends_with(&digits(&phone.otherwise(roll)).trim_start_matches('1').to_owned()));
            }
        }
    }
}
