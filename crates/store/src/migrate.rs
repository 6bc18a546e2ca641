//! Bringing a database's schema up to date: numbered files, applied in order in one transaction under a lock.

use rusqlite::{Connection, OptionalExtension};

use crate::error::{Result, StoreError};
use crate::sql::{Dialect, translate_schema};

/// One step of the schema. Steps are never changed once released; a change is a new step.
struct Migration {
    number: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// A step whose text is the same on both databases.
macro_rules! shared {
    ($number:literal, $name:literal) => {
        Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../migrations/000", $number, "_", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/000", $number, "_", $name, ".sql")),
        }
    };
    ($number:literal, $name:literal, two digits) => {
        Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../migrations/00", $number, "_", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/00", $number, "_", $name, ".sql")),
        }
    };
}

/// A step with a text for each database.
macro_rules! pair {
    ($number:literal, $name:literal) => {
        Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../migrations/000", $number, "_", $name, ".sqlite.sql")),
            postgres: include_str!(concat!("../migrations/000", $number, "_", $name, ".postgres.sql")),
        }
    };
}

const MIGRATIONS: &[Migration] = &[
    pair!(1, "dialect"),
    shared!(2, "ledger"),
    pair!(3, "append_only"),
    shared!(4, "records"),
    pair!(5, "search"),
    shared!(6, "sync"),
    shared!(7, "attention"),
    shared!(8, "metadata"),
    shared!(9, "counters"),
    shared!(10, "processes", two digits),
    shared!(11, "taken", two digits),
    shared!(12, "holds", two digits),
    shared!(13, "privacy", two digits),
    shared!(14, "alerts", two digits),
    shared!(15, "schema", two digits),
    shared!(16, "rollouts", two digits),
    shared!(17, "merges", two digits),
    shared!(18, "rules_and_rewrites", two digits),
    shared!(19, "accounts", two digits),
    shared!(20, "reigns", two digits),
    shared!(21, "marks", two digits),
    shared!(22, "flagged", two digits),
    shared!(23, "users", two digits),
    shared!(24, "activities", two digits),
    shared!(25, "own_writes", two digits),
    shared!(26, "news", two digits),
];

/// Any number that no other program uses as an advisory lock in the same database ("entente" in ASCII, cut to 63 bits).
const LOCK: i64 = 0x65_6e_74_65_6e_74_65;

const CREATE_VERSION: &str = "create table if not exists schema_version (number BIGINT primary key, name TEXT not null)";

fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |last| last.number)
}

fn check(found: i64) -> Result<()> {
    if found > known() { Err(StoreError::NewerSchema { found, known: known() }) } else { Ok(()) }
}

pub(crate) fn sqlite(conn: &Connection) -> Result<()> {
    // A reader need not wait for the lock when there is nothing to do, which is nearly always.
    let exists: Option<i64> =
        conn.query_row("select 1 from sqlite_master where name = 'schema_version'", [], |row| row.get(0)).optional()?;
    let version = |conn: &Connection| conn.query_row("select coalesce(max(number), 0) from schema_version", [], |row| row.get::<_, i64>(0));
    if exists.is_some() && version(conn)? == known() {
        return Ok(());
    }
    conn.execute_batch("begin immediate")?;
    let applied = (|| {
        conn.execute_batch(CREATE_VERSION)?;
        let found = version(conn)?;
        check(found)?;
        for step in MIGRATIONS.iter().filter(|step| step.number > found) {
            conn.execute_batch(&translate_schema(step.sqlite, Dialect::Sqlite))
                .map_err(|error| StoreError::Database(format!("migration {:04}_{}: {error}", step.number, step.name)))?;
            conn.execute("insert into schema_version (number, name) values (?1, ?2)", (step.number, step.name))?;
        }
        Ok(())
    })();
    conn.execute_batch(if applied.is_ok() { "commit" } else { "rollback" })?;
    applied
}

pub(crate) async fn postgres(transaction: &deadpool_postgres::Transaction<'_>) -> Result<()> {
    // Held to the end of the transaction: processes that start together wait for the first.
    transaction.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction.batch_execute(CREATE_VERSION).await?;
    let found: i64 = transaction.query_one("select coalesce(max(number), 0) from schema_version", &[]).await?.get(0);
    check(found)?;
    for step in MIGRATIONS.iter().filter(|step| step.number > found) {
        transaction
            .batch_execute(&translate_schema(step.postgres, Dialect::Postgres))
            .await
            .map_err(|error| StoreError::Database(format!("migration {:04}_{}: {}", step.number, step.name, StoreError::from(error))))?;
        transaction.execute("insert into schema_version (number, name) values ($1, $2)", &[&step.number, &step.name]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps_and_none_is_forgotten() {
        for (index, step) in MIGRATIONS.iter().enumerate() {
            assert_eq!(step.number, i64::try_from(index).unwrap() + 1, "{}", step.name);
        }
        let mut expected: Vec<String> = Vec::new();
        for step in MIGRATIONS {
            if std::ptr::eq(step.sqlite, step.postgres) || step.sqlite == step.postgres {
                expected.push(format!("{:04}_{}.sql", step.number, step.name));
            } else {
                expected.push(format!("{:04}_{}.postgres.sql", step.number, step.name));
                expected.push(format!("{:04}_{}.sqlite.sql", step.number, step.name));
            }
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut found: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_belongs_to_an_account_is_found_without_reading_every_record() {
        let conn = Connection::open_in_memory().unwrap();
        sqlite(&conn).unwrap();
        let sql = crate::sql::translate(&format!("explain query plan {}", crate::records::of_account()), Dialect::Sqlite);
        let plan: String = conn.query_row(&sql, ["case", "{}"], |row| row.get("detail")).unwrap();
        assert!(plan.contains("records_by_account (object=? AND state=? AND <expr>=?)"), "{plan}");
    }

    #[test]
    fn the_latest_activities_of_an_account_are_found_in_their_order() {
        let conn = Connection::open_in_memory().unwrap();
        sqlite(&conn).unwrap();
        let sql = crate::sql::translate(&format!("explain query plan {}", crate::records::sales_activities()), Dialect::Sqlite);
        let mut statement = conn.prepare(&sql).unwrap();
        let plan: Vec<String> =
            statement.query_map(["{}", "[]", "[]", "10"], |row| row.get("detail")).unwrap().map(Result::unwrap).collect();
        assert!(plan.iter().any(|step| step.contains("USING INDEX records_activities (<expr>=?)")), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "sorted, and so read as a whole: {plan:?}");
    }

    #[test]
    fn what_holds_a_value_is_found_in_the_index_of_its_object() {
        let conn = Connection::open_in_memory().unwrap();
        sqlite(&conn).unwrap();
        let key = std::sync::Arc::new(crate::MasterKey::from_bytes(&[7; 32]).unwrap());
        crate::tx::Tx::new(&mut crate::sql::sqlite::SqliteConn(&conn), key)
            .run(|tx| tx.index_field("contact", "email").and_then(|()| tx.index_field("account", "email")))
            .unwrap();
        let sql =
            crate::sql::translate(&format!("explain query plan {}", crate::records::of_values("contact", "email", 2)), Dialect::Sqlite);
        let mut statement = conn.prepare(&sql).unwrap();
        let plan: Vec<String> = statement.query_map(["1", "2"], |row| row.get("detail")).unwrap().map(Result::unwrap).collect();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(plan[0].contains("USING INDEX records_contact_") && plan[0].contains("(object=? AND <expr>=?)"), "{plan:?}");
    }

    #[test]
    fn a_database_of_a_later_version_is_left_alone() {
        let conn = Connection::open_in_memory().unwrap();
        sqlite(&conn).unwrap();
        sqlite(&conn).unwrap();
        conn.execute("insert into schema_version (number, name) values (999, 'future')", []).unwrap();
        assert!(matches!(sqlite(&conn), Err(StoreError::NewerSchema { found: 999, .. })));
    }
}
