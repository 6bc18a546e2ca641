//! Names of made-up people, places and companies. A few are common and most are rare, as in life.

use rand::Rng;
use rand::seq::IndexedRandom;

/// Given names, in about the order of how many bear them.
const GIVEN: &[&str] = &[
    "James",
    "Mary",
    "Robert",
    "Patricia",
    "John",
    "Jennifer",
    "Michael",
    "Linda",
    "David",
    "Elizabeth",
    "William",
    "Barbara",
    "Richard",
    "Susan",
    "Joseph",
    "Jessica",
    "Thomas",
    "Sarah",
    "Christopher",
    "Karen",
    "Charles",
    "Lisa",
    "Daniel",
    "Nancy",
    "Matthew",
    "Sandra",
    "Anthony",
    "Margaret",
    "Mark",
    "Ashley",
    "Steven",
    "Emily",
    "Paul",
    "Donna",
    "Andrew",
    "Michelle",
    "Joshua",
    "Carol",
    "Kenneth",
    "Amanda",
    "Kevin",
    "Melissa",
    "Brian",
    "Deborah",
    "George",
    "Stephanie",
    "Timothy",
    "Rebecca",
    "Ronald",
    "Sharon",
    "Edward",
    "Laura",
    "Jason",
    "Cynthia",
    "Jeffrey",
    "Dorothy",
    "Ryan",
    "Olivia",
    "Jacob",
    "Emma",
    "Gary",
    "Sophia",
    "Nicholas",
    "Angela",
    "Eric",
    "Katherine",
    "Jonathan",
    "Samantha",
    "Stephen",
    "Christine",
    "Larry",
    "Debra",
    "Justin",
    "Rachel",
    "Scott",
    "Carolyn",
    "Brandon",
    "Janet",
    "Benjamin",
    "Maria",
    "Samuel",
    "Catherine",
    "Gregory",
    "Heather",
    "Alexander",
    "Diane",
    "Patrick",
    "Victoria",
    "Frank",
    "Ruth",
    "Raymond",
    "Julia",
    "Jack",
    "Joyce",
    "Dennis",
    "Virginia",
    "Jerry",
    "Helen",
    "Henry",
    "Martina",
    "Tobias",
    "Ingrid",
    "Johannes",
    "Giulia",
    "Marco",
    "Chloe",
    "Luc",
    "Amelie",
    "Pablo",
    "Lucia",
    "Wei",
    "Yuki",
    "Aisha",
    "Omar",
    "Fatima",
    "Priya",
    "Arjun",
    "Olga",
    "Ivan",
    "Zofia",
    "Piotr",
    "Linnea",
    "Lars",
    "Freya",
];

/// Short forms that people are also entered under.
const SHORT: &[(&str, &str)] = &[
    ("James", "Jim"),
    ("Robert", "Bob"),
    ("Robert", "Rob"),
    ("Patricia", "Pat"),
    ("Jennifer", "Jenny"),
    ("Michael", "Mike"),
    ("David", "Dave"),
    ("Elizabeth", "Liz"),
    ("William", "Bill"),
    ("William", "Will"),
    ("Richard", "Rick"),
    ("Joseph", "Joe"),
    ("Thomas", "Tom"),
    ("Christopher", "Chris"),
    ("Charles", "Charlie"),
    ("Daniel", "Dan"),
    ("Matthew", "Matt"),
    ("Anthony", "Tony"),
    ("Margaret", "Peggy"),
    ("Steven", "Steve"),
    ("Andrew", "Andy"),
    ("Joshua", "Josh"),
    ("Kenneth", "Ken"),
    ("Timothy", "Tim"),
    ("Edward", "Ted"),
    ("Nicholas", "Nick"),
    ("Katherine", "Kate"),
    ("Samantha", "Sam"),
    ("Benjamin", "Ben"),
    ("Alexander", "Alex"),
    ("Rebecca", "Becky"),
    ("Henry", "Harry"),
    ("Gregory", "Greg"),
    ("Susan", "Sue"),
    ("Jonathan", "Jon"),
];

const BEGINNINGS: &[&str] = &[
    "Smi", "John", "Will", "Brow", "Jon", "Gar", "Mill", "Dav", "Wil", "And", "Tay", "Tho", "Har", "Mar", "Rob", "Wal", "Cla", "Lew",
    "Ash", "Brad", "Carl", "Dun", "Ell", "Fair", "Green", "Hart", "Ing", "Kings", "Lang", "Mor", "Nor", "Old", "Pem", "Rad", "San", "Stan",
    "Thorn", "Under", "Ver", "Whit", "York", "Zim", "Bau", "Fisch", "Hoff", "Krau", "Leh", "Nov", "Pet", "Kov", "Ros", "Sch", "Van",
    "Lind", "Berg", "Dahl", "Mont", "Bel", "Cas", "Riv",
];
const ENDS: &[&str] = &[
    "th", "son", "iams", "ford", "ley", "ton", "well", "man", "er", "ers", "by", "wood", "field", "ham", "stead", "worth", "more", "den",
    "low", "ridge", "strom", "mann", "berger", "inger", "auer", "ova", "ski", "acs", "etti", "elli", "aro", "oux", "ier", "ard", "es",
    "ez", "ado", "ill", "ock", "shaw",
];

/// Beginnings of places and companies.
const SITES: &[&str] = &[
    "Acorn", "Birch", "Cedar", "Delta", "Eagle", "Falcon", "Granite", "Harbour", "Iron", "Juniper", "Kestrel", "Lake", "Maple", "North",
    "Oak", "Pine", "Quarry", "River", "Stone", "Timber", "Union", "Valley", "West", "Zenith", "Amber", "Blue", "Copper", "Silver",
];
const TRADES: &[&str] =
    &["Robotics", "Foods", "Logistics", "Analytics", "Energy", "Design", "Health", "Media", "Tools", "Systems", "Bank", "Travel"];
const FORMS: &[&str] = &["Inc.", "LLC", "Ltd", "GmbH", "Corp.", "Group"];
const TOWN_ENDS: &[&str] = &["ton", "ville", "burg", "field", "port", "bridge", "mouth", "haven"];
const ROADS: &[&str] = &["Street", "Road", "Avenue", "Lane", "Way", "Drive"];
const PROVIDERS: &[&str] = &["gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.net"];

/// Draws from a list whose first entries are the common ones: every doubling of the place halves the share, about.
fn place(rng: &mut impl Rng, count: usize) -> usize {
    let drawn = (count as f64).powf(rng.random::<f64>()) - 1.0;
    // Between zero and the count; truncating is meant.
    (drawn as usize).min(count - 1)
}

pub fn given(rng: &mut impl Rng) -> String {
    GIVEN[place(rng, GIVEN.len())].to_owned()
}

/// A short form of a given name, if it has one.
pub fn short_form(rng: &mut impl Rng, given: &str) -> Option<String> {
    let forms: Vec<&str> = SHORT.iter().filter(|(full, _)| *full == given).map(|(_, short)| *short).collect();
    forms.choose(rng).map(|short| (*short).to_owned())
}

pub fn family(rng: &mut impl Rng) -> String {
    // A quarter bears one of the common names, the others any.
    let count = BEGINNINGS.len() * ENDS.len();
    let number = if rng.random_bool(0.25) { place(rng, count) } else { rng.random_range(0..count) };
    format!("{}{}", BEGINNINGS[number % BEGINNINGS.len()], ENDS[number / BEGINNINGS.len()])
}

/// A town with the area of its postal codes.
pub struct Town {
    pub name: String,
    pub area: usize,
}

pub fn town(rng: &mut impl Rng) -> Town {
    let area = place(rng, SITES.len() * TOWN_ENDS.len());
    Town { name: format!("{}{}", SITES[area % SITES.len()], TOWN_ENDS[area / SITES.len()]), area }
}

pub fn street(rng: &mut impl Rng) -> String {
    let name = if rng.random_bool(0.3) { SITES.choose(rng).map(|site| (*site).to_owned()) } else { None };
    format!("{} {}", name.unwrap_or_else(|| family(rng)), ROADS.choose(rng).unwrap_or(&"Street"))
}

pub fn mailbox(rng: &mut impl Rng, given: &str, family: &str, domain: Option<&str>) -> String {
    let (given, family) = (given.to_lowercase(), family.to_lowercase());
    let provider = PROVIDERS.choose(rng).copied().unwrap_or("gmail.com");
    let domain = domain.unwrap_or(provider);
    let number = rng.random_range(1..1_000);
    match rng.random_range(0..4) {
        0 => format!("{given}.{family}{number}@{domain}"),
        1 => format!("{}.{family}{number}@{domain}", &given[..1]),
        2 => format!("{given}{number}@{domain}"),
        _ => format!("{family}{}{number}@{domain}", &given[..1]),
    }
}

/// A company: the same one under the same number.
pub struct Company {
    pub name: String,
    pub domain: String,
    pub phone: String,
}

impl Company {
    pub fn number(number: usize) -> Self {
        let (site, rest) = (SITES[number % SITES.len()], number / SITES.len());
        let (trade, rest) = (TRADES[rest % TRADES.len()], rest / TRADES.len());
        let owner = format!("{}{}", BEGINNINGS[rest % BEGINNINGS.len()], ENDS[rest / BEGINNINGS.len() % ENDS.len()]);
        Self {
            name: format!("{owner} {site} {trade} {}", FORMS[number % FORMS.len()]),
            domain: format!("{}-{}-{}.com", owner.to_lowercase(), site.to_lowercase(), trade.to_lowercase()),
            phone: format!("+1{}666{:04}", 201 + number / 10_000 % 780, number % 10_000),
        }
    }
}
