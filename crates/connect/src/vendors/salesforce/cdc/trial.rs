//! Trying the streams: each object's topic is asked for and subscribed to, as a poll would, and left again.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::{iter, pending};
use tonic::{Code, Status};

use super::super::Salesforce;
use super::super::activities::tellers;
use super::channel::{Line, Marks, PubSub, refusal};
use super::stream::{may_subscribe, topic};
use super::wire::{FetchRequest, ReplayPreset};
use crate::connector::Tried;
use crate::error::VendorError;

/// Time in which a stream that cannot be read says so. One that has nothing to tell is silent for minutes.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);

impl Salesforce {
    /// See [`Connector::try_streams`](crate::connector::Connector::try_streams).
    pub(in crate::vendors::salesforce) async fn try_pubsub(&self, pubsub: &PubSub, objects: &[String]) -> Vec<Tried> {
        let told: BTreeSet<String> = objects.iter().flat_map(|object| tellers(object, &[], |_| None)).map(|(object, _)| object).collect();
        let tried = told.iter().map(async |object| Tried {
            stream: format!("the stream of changes of {object}"),
            is_optional: !pubsub.required,
            outcome: self.try_stream(pubsub, object).await,
        });
        join_all(tried).await
    }

    async fn try_stream(&self, pubsub: &PubSub, object: &str) -> Result<(), VendorError> {
        let marks = self.marks().await?;
        match self.begin(&pubsub.line, &marks, object).await {
            Err(status) if status.code() == Code::Unauthenticated => {
                self.client.renew(marks.generation).await?;
                self.begin(&pubsub.line, &self.marks().await?, object).await
            }
            answer => answer,
        }
        .map_err(|status| refusal(&status))
    }

    /// Subscribes from the present on, and hears whether that is refused.
    async fn begin(&self, line: &Line, marks: &Marks, object: &str) -> Result<(), Status> {
        let topic_name = topic(object);
        may_subscribe(&line.topic(marks, &topic_name).await?)?;
        let request = FetchRequest { topic_name, replay_preset: ReplayPreset::Latest.into(), num_requested: 1, ..FetchRequest::default() };
        // The stream of requests stays open: its end would be the end of the subscription.
        let mut events = line.subscribe(marks, iter([request]).chain(pending())).await?;
        tokio::select! {
            word = events.message() => word.map(drop),
            () = self.client.sleep(REFUSED_WITHIN) => Ok(()),
        }
    }
}
