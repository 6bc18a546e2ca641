//! Several currencies in one org: a row has one for all its amounts, and only active ones may be written.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::Salesforce;
use super::describe::{CURRENCY, Described};
use super::wire::{QueryKind, Record, flag, member, text};
use crate::action::CurrencyRate;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::write::{Write, WriteKind};

/// How long the org's currencies count: admins change rates by the day at most.
const FRESH: Duration = Duration::from_secs(60 * 60);

const QUERY: &str = "SELECT IsoCode,ConversionRate,IsCorporate,IsActive FROM CurrencyType";

/// What was read, and until when it counts.
pub(super) type Kept = Option<(Timestamp, Arc<Vec<CurrencyRate>>)>;

impl Salesforce {
    /// The org's currencies with their rates, the corporate one first. Asked for once an hour at most.
    pub(super) async fn currencies(&self, priority: Priority) -> Result<Arc<Vec<CurrencyRate>>, VendorError> {
        let now = self.client.now();
        let kept = self.currencies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, kept)) = kept.filter(|(until, _)| now < *until) {
            return Ok(kept);
        }
        let mut found: Vec<CurrencyRate> = self.query(QueryKind::Live, QUERY, priority).await?.iter().filter_map(currency).collect();
        found.sort_by(|one, other| (!one.corporate, &one.code).cmp(&(!other.corporate, &other.code)));
        let found = Arc::new(found);
        let until = now.checked_add(FRESH).unwrap_or(Timestamp::MAX);
        *self.currencies.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, Arc::clone(&found)));
        Ok(found)
    }

    /// The writes with the corporate currency at new rows that have amounts and name none: the org itself would take its user's.
    pub(super) async fn in_corporate_currency<'a>(
        &self,
        writes: &'a [Write],
        described: Option<&Described>,
        priority: Priority,
    ) -> Result<Cow<'a, [Write]>, VendorError> {
        let Some(described) = described.filter(|described| described.currencies.is_some()) else { return Ok(Cow::Borrowed(writes)) };
        let lacks = |write: &Write| {
            let amount = |(field, value): (&String, &Value)| described.is_money(field) && !value.is_null();
            write.kind == WriteKind::Create && !write.row.contains_key(CURRENCY) && write.row.iter().any(amount)
        };
        if !writes.iter().any(lacks) {
            return Ok(Cow::Borrowed(writes));
        }
        let currencies = self.currencies(priority).await?;
        let Some(corporate) = currencies.iter().find(|currency| currency.corporate) else { return Ok(Cow::Borrowed(writes)) };
        let with = |write: &Write| {
            let mut write = write.clone();
            if lacks(&write) {
                write.row.insert(CURRENCY.to_owned(), Value::from(corporate.code.as_str()));
            }
            write
        };
        Ok(Cow::Owned(writes.iter().map(with).collect()))
    }
}

fn currency(row: &Record) -> Option<CurrencyRate> {
    let rate = member(row, "ConversionRate").map(|rate| rate.as_str().map_or_else(|| rate.to_string(), str::to_owned));
    Some(CurrencyRate { code: text(row, "IsoCode")?, corporate: flag(row, "IsCorporate"), active: flag(row, "IsActive"), rate: rate? })
}

/// Why a write cannot be made whose amounts are in a currency that the org does not have. `home` is the one that amounts without a currency
/// are in; an org with one currency alone has that one.
pub(super) fn unknown_currency(write: &Write, described: &Described, home: &str) -> Option<VendorError> {
    let (_, value) = write.row.iter().find(|(field, _)| field.eq_ignore_ascii_case(CURRENCY))?;
    let code = value.as_str()?;
    // What the row holds is not repeated; the field that the refusal names says where to look.
    let (reason, advice) = match &described.currencies {
        Some(active) if active.iter().any(|known| known == code) => return None,
        Some(active) => (
            format!("the org has not activated this currency; it has {}", active.join(", ")),
            "activate the currency in Salesforce (Setup, Manage Currencies), or bring the amounts into one that is active",
        ),
        None if code == home => return None,
        None => (
            format!("the org has one currency, and amounts in this one would count as {home} there"),
            "bring the amounts into that currency in the mapping's `put`, or activate multiple currencies in Salesforce",
        ),
    };
    Some(VendorError::new(Class::Data, "INVALID_CURRENCY_ISO", reason, advice).about(CURRENCY))
}
