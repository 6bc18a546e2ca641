//! Two halves of a batch that write at a platform whose calls can be shared: the one that has nothing to fetch does not wait for the other,
//! but where its writes would make a call more.

use entente_connect::spec::Spec;
use tokio::sync::watch;

/// When the writes of a half of a batch leave.
pub(crate) enum Turn {
    /// There is no other half.
    Alone,
    /// At once; where calls are shared, together with those of the other half.
    First(watch::Receiver<bool>),
    /// When they are ready; the other half waits for them.
    Second(watch::Sender<bool>),
}

impl Turn {
    /// Two halves of one batch.
    pub(crate) fn halves() -> (Self, Self) {
        let (ready, awaited) = watch::channel(false);
        (Self::First(awaited), Self::Second(ready))
    }

    /// Tells the other half that the writes of this one leave now.
    pub(crate) fn leave(&self) {
        if let Self::Second(ready) = self {
            ready.send_replace(true);
        }
    }

    /// Waits until writes at a platform may leave: where calls are shared, until the other half writes or has nothing to write.
    pub(crate) async fn come(&self, spec: &Spec) {
        if let Self::First(awaited) = self
            && spec.shares_calls
        {
            // An error says that the other half has ended.
            let mut awaited = awaited.clone();
            let _ended = awaited.wait_for(|ready| *ready).await;
        }
    }
}
