//! Beside contacts: companies, tickets and cases, activities and deals, each written, found, read and told of through the connector alone.

use entente_connect::connector::{Connector, NewField, Priority};
use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Existence, Find, Look, ReadSpec};
use entente_connect::write::{Write, WriteTarget, Written};
use entente_model::id::RecordId;
use entente_model::mapping::remote::{RemoteField, RemoteKind, Row};
use serde_json::{Map, Value, json};

use super::things::{Thing, things};
use super::trial::{Trial, field};
use crate::stage::rows::{create, delete, map, read_on, spec, update};

/// The id of a record that is made now: some connectors take from it since when its row may be there.
pub fn key(trial: &Trial, prefix: &str, serial: u32) -> String {
    let ms = u128::try_from(trial.hands.now_ms()).unwrap();
    RecordId::new(prefix, (ms << 80) | (7 << 76) | u128::from(serial)).to_string()
}

/// A trial of one object of a platform.
struct Further<'a> {
    trial: &'a Trial,
    thing: &'a Thing,
    /// What stands for whom.
    ids: [(&'static str, String); 2],
}

impl Further<'_> {
    fn connector(&self) -> &dyn Connector {
        self.trial.connector.as_ref()
    }

    fn read(&self) -> ReadSpec {
        spec(self.thing.object, &[self.thing.title])
    }

    /// The row of a new one of this title.
    fn row(&self, title: &str) -> Row {
        let filled = |value: &Value| match value.as_str() {
            Some(text) => self.ids.iter().find(|(gap, _)| *gap == text).map_or_else(|| value.clone(), |(_, id)| Value::from(id.as_str())),
            None => value.clone(),
        };
        let mut row: Map<String, Value> = map(self.thing.needs.clone()).iter().map(|(name, value)| (name.clone(), filled(value))).collect();
        row.insert(self.thing.title.to_owned(), Value::from(title));
        row
    }

    async fn write(&self, write: Write) -> Result<Written, VendorError> {
        let target = WriteTarget { object: self.thing.object.to_owned(), key_field: self.thing.key.to_owned() };
        self.connector().write(&target, &[write], Priority::Update).await?.remove(0)
    }

    async fn fetch(&self, id: &str) -> Look {
        self.connector().fetch(&self.read(), &[id.to_owned()], Priority::Update).await.unwrap().remove(0)
    }

    /// Makes one, twice over; its id.
    async fn make(&self, key: &str, title: &str) -> String {
        let newcomer = create(key, Value::Object(self.row(title)));
        let made = self.write(newcomer.clone()).await.unwrap_or_else(|error| panic!("{}: {error:?}", self.thing.object));
        self.trial.pass(60);
        if self.capable_of_keys() {
            let again = self.write(newcomer).await.unwrap();
            assert_eq!(again.id, made.id, "{}: a twin", self.thing.object);
        }
        made.id
    }

    fn capable_of_keys(&self) -> bool {
        self.connector().spec().capabilities(self.thing.object).is_some_and(|able| able.key.is_some())
    }
}

pub async fn what_a_customer_has_beside_is_written_found_read_and_told_of(trial: Trial) {
    let platform = trial.connector.spec().key;
    let contact = trial.host.plant("Ottobre", "ada@ottobre.example");
    let mut company = String::new();
    for (thing, serial) in things(platform).iter().zip(1_u32..) {
        let further = Further { trial: &trial, thing, ids: [("{contact}", contact.clone()), ("{company}", company.clone())] };
        let able =
            trial.connector.spec().capabilities(thing.object).unwrap_or_else(|| panic!("{platform}: nothing is said of {}", thing.object));
        if able.creates_fields {
            let key = RemoteField { unique: true, ..field(thing.key, RemoteKind::Text) };
            let asked = NewField { object: thing.object.to_owned(), field: key };
            trial.connector.create_field(&asked).await.unwrap_or_else(|error| panic!("{platform}: {}: {error:?}", thing.object));
        }
        let present = trial.connector.present(&further.read()).await.unwrap();
        trial.pass(60);
        let key = key(&trial, thing.prefix, serial);
        let id = further.make(&key, "The first title").await;
        assert_eq!(further.fetch(&id).await.row[thing.title], "The first title", "{platform}: {}", thing.object);

        trial.pass(5);
        // Where a title is for good, the connector says so.
        let title = match further.write(update(&id, json!({thing.title: "Another title"}))).await {
            Ok(_) => "Another title",
            Err(error) => {
                let told = (error.class, error.field.as_deref());
                assert_eq!(told, (Class::Configuration, Some(thing.title)), "{platform}: {}: {error:?}", thing.object);
                "The first title"
            }
        };
        let look = further.fetch(&id).await;
        assert_eq!((&look.existence, &look.row[thing.title]), (&Existence::Present, &json!(title)), "{platform}: {}", thing.object);

        // Far enough on for whatever is minutes behind.
        trial.pass(1_200);
        let (looks, _) = read_on(further.connector(), &further.read(), Some(present)).await;
        let told = looks.iter().rfind(|look| look.id == id).unwrap_or_else(|| panic!("{platform}: no poll shows the {}", thing.object));
        assert_eq!(told.row[thing.title], title, "{platform}: {}", thing.object);
        if further.capable_of_keys() {
            let found = trial.connector.find(&further.read(), &[Find::Key(key)], thing.key, Priority::Update).await.unwrap().remove(0);
            assert_eq!(found.iter().map(|look| look.id.as_str()).collect::<Vec<_>>(), [id.as_str()], "{platform}: {}", thing.object);
        }

        // What goes is gone, or the platform lets nobody delete it over the API, and the connector says so.
        let another = further.make(&self::key(&trial, thing.prefix, serial + 100), "Not for long").await;
        match further.write(delete(&another)).await {
            Ok(_) => assert_eq!(further.fetch(&another).await.existence, Existence::Deleted, "{platform}: {}", thing.object),
            Err(error) => assert_eq!(error.class, Class::Configuration, "{platform}: {}: {error:?}", thing.object),
        }
        if thing.prefix == "acc" {
            company = id;
        }
    }
}
