//! Whose hand a change was: HubSpot marks a record with a user id alone, which the owners tell of, and the key which user is ours.

use std::sync::PoisonError;
use std::time::Duration;

use super::HubSpot;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::settings::Auth;

/// How long the list counts: people join a portal by the day.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Pause after the list could not be read.
const AFTER_FAILURE: Duration = Duration::from_secs(15 * 60);

impl HubSpot {
    /// Reads the portal's people when they are not known or were read long ago. Nothing that is synced depends on them, so a failure is
    /// logged and unlisted users stay unknown.
    pub(super) async fn know_people(&self, priority: Priority) {
        let now = self.client.now();
        {
            let mut due = self.people_due.lock().unwrap_or_else(PoisonError::into_inner);
            if due.is_some_and(|due| now < due) {
                return;
            }
            // Before the call, so that pages read at the same time do not all ask.
            *due = now.checked_add(AFTER_FAILURE).ok();
        }
        match self.learn_people(priority).await {
            Ok(()) => *self.people_due.lock().unwrap_or_else(PoisonError::into_inner) = now.checked_add(FRESH).ok(),
            Err(error) => {
                tracing::warn!(connection = %self.client.settings().name, %error, "the portal's owners could not be read: who changed a value stays unknown; list users under `actors`, or grant the scope crm.objects.owners.read");
            }
        }
    }

    async fn learn_people(&self, priority: Priority) -> Result<(), VendorError> {
        if matches!(self.client.settings().auth, Auth::AccessToken { .. })
            && self.ours.get().is_none()
            && let Some(user) = self.key_holder(priority).await?
        {
            self.ours.get_or_init(|| user);
        }
        let owners = self.known_owners(&[], priority).await?;
        self.actors.learn(owners.people());
        self.actors.call(owners.names());
        Ok(())
    }
}
