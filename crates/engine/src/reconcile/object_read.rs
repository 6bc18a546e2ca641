//! One object of one connection, being reconciled: read to its end, compared on the way, and what it did not show looked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use entente_connect::look::{Existence, Look};
use entente_model::clock::Timestamp;
use entente_store::{PAGE_ROWS_MAX, PresentRow};

use super::classify::Finding;
use super::compare::{Compared, Grounds, LastChange, References, compare};
use super::fingerprint::{Leaves, NAME_BYTES};
use super::place::Place;
use super::read::{Reading, fetch};
use super::{OnPage, Stop, repair};
use crate::engine::Engine;
use crate::error::Result;

/// One object of one connection.
pub(crate) struct ObjectRead {
    /// Which.
    pub(crate) place: Arc<Place>,
    /// Rows that are there.
    pub(crate) rows: u64,
    /// Rows compared with a record.
    pub(crate) compared: u64,
    /// Fields compared.
    pub(crate) fields: u64,
    /// Pages read.
    pub(crate) pages: u64,
    /// Rows of the largest page.
    pub(crate) page_rows: u64,
    /// Calls made to fetch rows that were not shown, or to look again.
    pub(crate) fetches: u64,
    /// Why it was not read completely, if it was not.
    pub(crate) incomplete: Option<String>,
    /// Whether that is because the platform itself failed, again and again.
    pub(crate) silent: bool,
    /// What its rows hold.
    pub(crate) leaves: Leaves,
    /// Last changes of rows that are not as a certificate has them, when one is checked.
    pub(crate) marks: HashMap<[u8; NAME_BYTES], LastChange>,
    /// What differs.
    pub(crate) findings: Vec<Finding>,
    /// Microseconds of comparing.
    pub(crate) us: u64,
    shown: HashSet<[u8; NAME_BYTES]>,
    references: References,
}

impl ObjectRead {
    /// Before the first page.
    pub(crate) fn new(place: Arc<Place>) -> Self {
        Self {
            place,
            rows: 0,
            compared: 0,
            fields: 0,
            pages: 0,
            page_rows: 0,
            fetches: 0,
            incomplete: None,
            silent: false,
            leaves: Leaves::default(),
            marks: HashMap::new(),
            findings: Vec::new(),
            us: 0,
            shown: HashSet::new(),
            references: References::new(),
        }
    }

    /// Reads everything; a page is compared while the next one is on its way. Without patience, the read ends with the first page that fails.
    #[expect(clippy::too_many_arguments, reason = "a read has that many circumstances, and two places begin one")]
    pub(crate) async fn read(
        &mut self,
        engine: &Engine,
        grounds: &Arc<Grounds>,
        repairs: bool,
        began: Timestamp,
        patient: bool,
        on_page: OnPage<'_>,
        stop: Stop<'_>,
    ) -> Result<()> {
        let mut reading = Reading::new(engine, Arc::clone(&self.place), patient, stop);
        let mut page = reading.next().await;
        loop {
            match page {
                Ok(Some(looks)) => {
                    self.page_rows = self.page_rows.max(looks.len() as u64);
                    let (next, kept) = tokio::join!(reading.next(), self.take_in(engine, grounds, looks, repairs));
                    kept?;
                    self.pages = reading.pages;
                    on_page(&self.place.connection, &self.place.object, self.rows);
                    page = next;
                }
                Ok(None) => break,
                Err(why) => {
                    self.incomplete = Some(why);
                    break;
                }
            }
        }
        self.pages = reading.pages;
        self.silent = reading.silent;
        drop(reading);
        if self.incomplete.is_none() {
            self.look_for_missing(engine, grounds, repairs, began).await?;
        }
        self.shown = HashSet::new();
        Ok(())
    }

    /// Compares rows, and hands what is news to the sync if it is to be put right.
    pub(crate) async fn take_in(&mut self, engine: &Engine, grounds: &Arc<Grounds>, looks: Vec<Look>, repairs: bool) -> Result<()> {
        let looks = Arc::new(looks);
        let compared = self.compare(engine, grounds, &looks).await?;
        self.rows += compared.rows;
        self.compared += compared.compared;
        self.fields += compared.fields;
        self.us += compared.us;
        self.shown.extend(compared.shown);
        if repairs {
            repair::hand_over(engine, &self.place, &looks, &compared.news, &compared.findings).await?;
        }
        self.marks.extend(compared.marks);
        self.keep(compared.leaves, &compared.gone);
        self.findings.extend(compared.findings);
        Ok(())
    }

    /// Compares rows and changes nothing but what is kept of references.
    pub(crate) async fn compare(&mut self, engine: &Engine, grounds: &Arc<Grounds>, looks: &Arc<Vec<Look>>) -> Result<Compared> {
        let (grounds, place, looks) = (Arc::clone(grounds), Arc::clone(&self.place), Arc::clone(looks));
        // The closure cannot give the references back when it fails; they are only looked up again then.
        let shared = Arc::new(Mutex::new(std::mem::take(&mut self.references)));
        let inside = Arc::clone(&shared);
        let compared = engine
            .store()
            .read(move |tx| compare(tx, &grounds, &place, &looks, &mut inside.lock().unwrap_or_else(PoisonError::into_inner)))
            .await?;
        self.references = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(compared)
    }

    /// Keeps what rows hold.
    pub(crate) fn keep(&mut self, leaves: Vec<(u8, super::fingerprint::Leaf)>, gone: &[[u8; NAME_BYTES]]) {
        for name in gone {
            self.leaves.remove(name);
        }
        for (range, leaf) in leaves {
            self.leaves.put(range, leaf);
        }
    }

    /// Fetches the linked rows that a complete read did not show: they may have been hidden, changed or made while the pages went by.
    async fn look_for_missing(&mut self, engine: &Engine, grounds: &Arc<Grounds>, repairs: bool, began: Timestamp) -> Result<()> {
        let mut missing = BTreeMap::new();
        let mut after = String::new();
        loop {
            let (place, from) = (Arc::clone(&self.place), after.clone());
            let rows: Vec<PresentRow> =
                engine.store().read(move |tx| tx.present_rows(&place.connection, &place.object, began, &from, PAGE_ROWS_MAX)).await?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.id);
            let (printer, place) = (&grounds.printer, &self.place);
            let unseen = rows.into_iter().filter(|row| {
                place.scope.wants(&row.object) && !self.shown.contains(&printer.name(&place.connection, &place.object, &row.id))
            });
            missing.extend(unseen.map(|row| (row.id, row.record)));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = missing.into_keys().collect();
        tracing::info!(
            connection = self.place.connection,
            object = self.place.object,
            rows = ids.len(),
            "linked rows were not among those read; they are fetched"
        );
        let mut looks = Vec::new();
        match fetch(engine, &self.place, &ids, &mut looks).await {
            Ok(calls) => {
                self.fetches += calls;
                self.take_in(engine, grounds, looks, repairs).await
            }
            Err(why) => {
                self.incomplete = Some(format!("{} linked rows were not shown and could not be fetched: {why}", ids.len()));
                Ok(())
            }
        }
    }

    /// Looks at rows again, as they are now: what is found replaces what was read of them. Answers what differs.
    pub(crate) async fn look_again(&mut self, engine: &Engine, grounds: &Arc<Grounds>, ids: &[String]) -> Result<Vec<Finding>, Trouble> {
        let mut looks = Vec::new();
        self.fetches += fetch(engine, &self.place, ids, &mut looks).await.map_err(Trouble::Vendor)?;
        looks.iter_mut().for_each(|look| {
            if matches!(look.existence, Existence::MergedInto(_)) {
                look.row.clear();
            }
        });
        let compared = self.compare(engine, grounds, &Arc::new(looks)).await.map_err(Trouble::Store)?;
        self.us += compared.us;
        self.marks.extend(compared.marks);
        self.keep(compared.leaves, &compared.gone);
        Ok(compared.findings)
    }
}

/// Why a second look was not possible.
pub(crate) enum Trouble {
    /// The vendor, in words.
    Vendor(String),
    /// The store.
    Store(crate::error::EngineError),
}
