//! A connection that rests is not called: what only a person can mend (refused credentials, a schema that does not fit) would fail for
//! every record again. What is refused of one object alone rests that object. The vendor is asked once when the rest is over, and everybody
//! else waits for that answer. Every call that is made tells the connection's pressure how it went.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use entente_connect::action::{Acted, Action, CurrencyRate, Offer, Target, Waiting};
use entente_connect::connector::{Budget, CallCounts, Connector, Group, Identity, NewField, NewObject, Priority, Tried};
use entente_connect::erase::{Erase, Erased};
use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Cursor, Find, Histories, Look, Page, ReadSpec};
use entente_connect::merge::Merge;
use entente_connect::scopes::Granted;
use entente_connect::settings::Secret;
use entente_connect::spec::Spec;
use entente_connect::transport::offset::Offset;
use entente_connect::transport::wire::Time;
use entente_connect::webhook::{Delivery, Incoming, Receipt, Subscribed, WebhookError};
use entente_connect::write::{Write, WriteOutcome, WriteTarget};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::RemoteObject;

use super::batches::Batches;
use super::pressure::{Admission, Pressure};
use super::resting_objects::{Asked, RestingObjects};

/// A connector whose reads and writes of rows rest while the connection does. What a person asks for (checks, schemas, provisioning)
/// always goes through: it shows whether the cause is mended.
pub(crate) struct Resting {
    inner: Arc<dyn Connector>,
    pressure: Arc<Pressure>,
    objects: Arc<RestingObjects>,
    batches: Arc<Batches>,
    time: Arc<dyn Time>,
}

impl Resting {
    pub(crate) fn new(
        inner: Arc<dyn Connector>,
        pressure: Arc<Pressure>,
        objects: Arc<RestingObjects>,
        batches: Arc<Batches>,
        time: Arc<dyn Time>,
    ) -> Self {
        Self { inner, pressure, objects, batches, time }
    }

    /// Makes a call for one object, unless that object rests, and takes in whether it is refused to us.
    async fn of_object<T>(
        &self,
        asked: Asked,
        object: &str,
        call: impl Future<Output = Result<T, VendorError>> + Send,
    ) -> Result<T, VendorError> {
        self.objects.admit(asked, object, self.time.now())?;
        let answer = call.await;
        self.objects.ended(asked, object, answer.as_ref().err(), self.time.now());
        answer
    }

    /// Makes a call for `rows` rows, unless they wait for a scheduled batch, and takes in if the quota puts them off.
    async fn in_batches<T>(
        &self,
        priority: Priority,
        rows: usize,
        call: impl Future<Output = Result<T, VendorError>> + Send,
    ) -> Result<T, VendorError> {
        self.batches.admit(priority, self.time.now())?;
        let answer = self.unless_resting(call).await;
        if let Err(VendorError { class: Class::Wait { until }, .. }) = &answer {
            let now = self.time.now();
            // A platform that is left alone because it fails has a rest of its own.
            if self.pressure.paused(now).is_none() {
                self.batches.put_off(priority, rows, *until, now);
            }
        }
        answer
    }

    async fn unless_resting<T>(&self, call: impl Future<Output = Result<T, VendorError>> + Send) -> Result<T, VendorError> {
        let admission = self.pressure.admit(self.time.now());
        if let Admission::Rest(error) = admission {
            // No call was made: it says nothing of how the platform is by now.
            return Err(*error);
        }
        let answer = call.await;
        let now = self.time.now();
        // A platform that refuses one object answers.
        let trouble = answer.as_ref().err().filter(|error| !error.is_of_object());
        if admission == Admission::Probe {
            self.pressure.probed(trouble, now);
        }
        match &answer {
            Ok(_) => self.pressure.calm(),
            Err(error) if error.is_of_object() => {}
            Err(error) => self.pressure.trouble(error, now),
        }
        answer
    }
}

#[async_trait]
impl Connector for Resting {
    fn spec(&self) -> &'static Spec {
        self.inner.spec()
    }

    async fn check(&self) -> Result<Identity, VendorError> {
        self.inner.check().await
    }

    async fn granted(&self) -> Result<Granted, VendorError> {
        self.inner.granted().await
    }

    async fn describe(&self, object: &str) -> Result<RemoteObject, VendorError> {
        self.inner.describe(object).await
    }

    async fn page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        self.of_object(Asked::Read, &read.object, self.unless_resting(self.inner.page(read, cursor, priority))).await
    }

    fn first_read_from(&self, read: &ReadSpec) -> Option<Cursor> {
        self.inner.first_read_from(read)
    }

    async fn present(&self, read: &ReadSpec) -> Result<Cursor, VendorError> {
        self.inner.present(read).await
    }

    async fn fetch(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let call = self.in_batches(priority, ids.len(), self.inner.fetch(read, ids, priority));
        self.of_object(Asked::Read, &read.object, call).await
    }

    async fn find(&self, read: &ReadSpec, questions: &[Find], key_field: &str, priority: Priority) -> Result<Vec<Vec<Look>>, VendorError> {
        let call = self.unless_resting(self.inner.find(read, questions, key_field, priority));
        self.of_object(Asked::Read, &read.object, call).await
    }

    async fn write(&self, target: &WriteTarget, writes: &[Write], priority: Priority) -> Result<Vec<WriteOutcome>, VendorError> {
        let call = self.in_batches(priority, writes.len(), self.inner.write(target, writes, priority));
        self.of_object(Asked::Written, &target.object, call).await
    }

    async fn erase(&self, erase: &Erase, priority: Priority) -> Result<Erased, VendorError> {
        self.of_object(Asked::Erased, &erase.object, self.unless_resting(self.inner.erase(erase, priority))).await
    }

    fn merges(&self, object: &str) -> bool {
        self.inner.merges(object)
    }

    async fn merge(&self, merge: &Merge, priority: Priority) -> Result<(), VendorError> {
        self.inner.merge(merge, priority).await
    }

    fn open(&self, incoming: &Incoming, path_secret: &str, now: Timestamp) -> Result<Delivery, WebhookError> {
        self.inner.open(incoming, path_secret, now)
    }

    fn told_by(&self, field: &str) -> Option<String> {
        self.inner.told_by(field)
    }

    fn told_as(&self, object: &str, fields: &[String]) -> Vec<(String, Vec<String>)> {
        self.inner.told_as(object, fields)
    }

    fn same_row(&self, from: &str, to: &str, id: &str) -> Option<String> {
        self.inner.same_row(from, to, id)
    }

    fn receipt(&self) -> Receipt {
        self.inner.receipt()
    }

    async fn removed(&self, call: &Incoming) -> Result<Option<VendorError>, WebhookError> {
        self.inner.removed(call).await
    }

    async fn create_field(&self, field: &NewField) -> Result<(), VendorError> {
        self.inner.create_field(field).await
    }

    async fn create_object(&self, object: &NewObject) -> Result<(), VendorError> {
        self.inner.create_object(object).await
    }

    async fn groups(&self, fresh: bool) -> Result<Vec<Group>, VendorError> {
        self.inner.groups(fresh).await
    }

    fn reads(&self, object: &str, fields: &[String]) {
        self.inner.reads(object, fields);
    }

    async fn subscribed(&self, url: &str, objects: &[String]) -> Result<Subscribed, VendorError> {
        self.inner.subscribed(url, objects).await
    }

    async fn subscribe(&self, url: &str, objects: &[String]) -> Result<Option<Secret>, VendorError> {
        self.inner.subscribe(url, objects).await
    }

    async fn offers(&self) -> Result<Vec<Offer>, VendorError> {
        self.inner.offers().await
    }

    async fn act(&self, target: Option<&Target>, action: &Action) -> Result<Acted, VendorError> {
        self.inner.act(target, action).await
    }

    async fn waiting(&self, target: &Target) -> Result<Vec<Waiting>, VendorError> {
        self.inner.waiting(target).await
    }

    async fn rates(&self) -> Result<Vec<CurrencyRate>, VendorError> {
        self.inner.rates().await
    }

    fn stirred(&self) -> Vec<String> {
        self.inner.stirred()
    }

    async fn stir(&self) {
        self.inner.stir().await;
    }

    async fn try_streams(&self, objects: &[String]) -> Vec<Tried> {
        self.inner.try_streams(objects).await
    }

    fn bulk_rows(&self) -> Option<usize> {
        self.inner.bulk_rows()
    }

    fn tells_hands(&self, object: &str) -> bool {
        self.inner.tells_hands(object)
    }

    async fn histories(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Histories, VendorError> {
        let call = self.in_batches(priority, ids.len(), self.inner.histories(read, ids, priority));
        self.of_object(Asked::Read, &read.object, call).await
    }

    async fn forget_names(&self) {
        self.inner.forget_names().await;
    }

    fn user_name(&self, user: &str) -> Option<String> {
        self.inner.user_name(user)
    }

    fn budget(&self) -> Budget {
        self.inner.budget()
    }

    fn counts(&self) -> CallCounts {
        self.inner.counts()
    }

    fn clock(&self) -> Option<&Offset> {
        self.inner.clock()
    }
}
