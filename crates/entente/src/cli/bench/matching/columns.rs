//! What the columns of a file are, by their names, and by their values where a name says nothing.

use std::collections::HashSet;

use entente_model::matching::linkage::{FIELDS_MAX, Field, Kind};

/// What a column is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// It is compared.
    Compare(Kind),
    /// A full name, which is compared as given and family name.
    FullName,
    /// It names the record.
    Id,
    /// Records of one customer have the same value here: the truth.
    Truth,
    /// It is not compared.
    Leave,
}

/// Words of a column's name, and what the column is; the first that fits holds.
const NAMES: &[(&[&str], Use)] = &[
    (&["cluster", "cluster_id", "entity", "entity_id", "true_id", "label", "person_id", "customer_id_true"], Use::Truth),
    (&["id", "unique_id", "rec_id", "record_id", "row_id", "source_dataset"], Use::Id),
    (&["first_name", "firstname", "given_name", "givenname", "forename", "fname", "given"], Use::Compare(Kind::GivenName)),
    (&["last_name", "lastname", "family_name", "surname", "lname", "sname"], Use::Compare(Kind::FamilyName)),
    (&["full_name", "fullname", "contact_name", "person_name", "first_and_surname"], Use::FullName),
    (&["email", "e_mail", "mail", "email_address"], Use::Compare(Kind::Email)),
    (&["phone", "telephone", "mobile", "phone_number", "mobile_phone", "fax", "tel"], Use::Compare(Kind::Phone)),
    (&["dob", "date_of_birth", "birth_date", "birthdate", "birthday", "born", "yob", "birth_year"], Use::Compare(Kind::Date)),
    (&["company", "company_name", "organisation", "organization", "employer", "account_name", "business"], Use::Compare(Kind::Company)),
    (&["domain", "website", "url", "web"], Use::Compare(Kind::Domain)),
    (&["postcode", "postal_code", "zip", "zipcode", "zip_code", "postcode_fake"], Use::Compare(Kind::Postcode)),
    (&["city", "town", "suburb", "place", "birth_place", "locality", "county"], Use::Compare(Kind::Place)),
    (&["state", "gender", "sex", "title", "country", "region", "street_number", "house_number"], Use::Compare(Kind::Category)),
    (&["street", "address", "address_1", "address_2", "address_line_1", "address_line_2"], Use::Compare(Kind::Text)),
    (&["ssn", "soc_sec_id", "tax_id", "vat", "passport", "national_id", "customer_number", "nhs_number"], Use::Compare(Kind::Number)),
];

/// Share of values that must be of one form for the column to be of it.
const MOSTLY: f64 = 0.8;
/// Distinct values up to which a column is a category.
const CATEGORY_VALUES_MAX: usize = 60;
/// Values that are looked at.
const LOOKED_AT: usize = 2_000;

/// What each column is for. `values` gives the values of a column.
pub fn uses<'a, I: Iterator<Item = &'a str>>(head: &[String], values: impl Fn(usize) -> I) -> Vec<Use> {
    let known = |name: &str| NAMES.iter().find(|(names, _)| names.contains(&name)).map(|(_, purpose)| purpose.clone());
    let mut uses: Vec<Use> = Vec::with_capacity(head.len());
    for (at, name) in head.iter().enumerate() {
        let name = name.trim().to_lowercase().replace([' ', '-'], "_");
        let found = match known(&name) {
            Some(found) => found,
            None if name == "name" && head.iter().any(|other| matches!(known(other), Some(Use::Compare(Kind::Date | Kind::Email)))) => {
                Use::FullName
            }
            None if name == "name" => Use::Compare(Kind::Company),
            None => by_values(values(at).take(LOOKED_AT)),
        };
        // One truth, one id; and a field that is there twice is compared twice.
        let once = matches!(found, Use::Id | Use::Truth) && uses.contains(&found);
        uses.push(if once { Use::Leave } else { found });
    }
    let parts = uses.contains(&Use::Compare(Kind::GivenName)) && uses.contains(&Use::Compare(Kind::FamilyName));
    let mut full = false;
    let mut compared = 0;
    for purpose in &mut uses {
        if *purpose == Use::FullName && (parts || std::mem::replace(&mut full, true)) {
            *purpose = Use::Leave;
        }
        compared += match purpose {
            Use::Compare(_) => 1,
            Use::FullName => 2,
            _ => 0,
        };
        if compared > FIELDS_MAX {
            *purpose = Use::Leave;
        }
    }
    uses
}

/// What a column's values say it is.
fn by_values<'a>(values: impl Iterator<Item = &'a str>) -> Use {
    let values: Vec<&str> = values.map(str::trim).filter(|value| !value.is_empty()).collect();
    let distinct: HashSet<&str> = values.iter().copied().collect();
    let mostly = |form: fn(&str) -> bool| values.iter().filter(|value| form(value)).count() as f64 >= MOSTLY * values.len() as f64;
    let digits = |value: &str| {
        value.bytes().any(|byte| byte.is_ascii_digit()) && value.bytes().all(|byte| byte.is_ascii_digit() || b"-/. ".contains(&byte))
    };
    if values.is_empty() {
        Use::Leave
    } else if mostly(|value| value.contains('@')) {
        Use::Compare(Kind::Email)
    } else if mostly(|value| (8..=10).contains(&value.len()) && value.bytes().filter(|byte| b"-/.".contains(byte)).count() == 2)
        && mostly(digits)
    {
        Use::Compare(Kind::Date)
    } else if distinct.len() <= CATEGORY_VALUES_MAX {
        Use::Compare(Kind::Category)
    } else if mostly(digits) {
        Use::Compare(Kind::Number)
    } else {
        Use::Compare(Kind::Text)
    }
}

/// The fields that are compared, with the columns that they are read from.
pub fn fields(head: &[String], uses: &[Use]) -> Vec<Field> {
    let named = head.iter().zip(uses);
    let fields = named.flat_map(|(name, purpose)| match purpose {
        Use::Compare(kind) => vec![Field::new(name.trim(), *kind)],
        Use::FullName => vec![Field::new("given name", Kind::GivenName), Field::new("family name", Kind::FamilyName)],
        _ => Vec::new(),
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(head: &[&str], rows: &[&[&str]]) -> Vec<Use> {
        let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
        uses(&head, |column| rows.iter().map(move |row| row[column]))
    }

    #[test]
    fn columns_are_known_by_name() {
        let found = of(&["unique_id", "first_name", " surname", "dob", "cluster"], &[]);
        let compare = Use::Compare;
        assert_eq!(found, [Use::Id, compare(Kind::GivenName), compare(Kind::FamilyName), compare(Kind::Date), Use::Truth]);
    }

    #[test]
    fn a_full_name_counts_where_its_parts_are_missing() {
        assert_eq!(of(&["full_name", "dob"], &[])[0], Use::FullName);
        assert_eq!(of(&["full_name", "first_name", "surname"], &[])[0], Use::Leave);
        assert_eq!(of(&["name", "email"], &[])[0], Use::FullName);
        assert_eq!(of(&["name", "city"], &[])[0], Use::Compare(Kind::Company));
    }

    #[test]
    fn an_unknown_column_is_known_by_its_values() {
        let rows: Vec<Vec<String>> = (0..100)
            .map(|n| vec![format!("x{n}@y.z"), format!("19{n:02}-01-02"), format!("{}", n % 3), format!("9{n:06}"), format!("text {n}")])
            .collect();
        let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        let kinds = [Kind::Email, Kind::Date, Kind::Category, Kind::Number, Kind::Text].map(Use::Compare);
        assert_eq!(of(&["a", "b", "c", "d", "e"], &rows), kinds);
    }
}
