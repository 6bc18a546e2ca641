//! What goes wrong: calls, webhooks, quotas, schemas; and the end of it all.

use entente_engine::records::dead_letters;
use entente_sims::faults::{DeliveryFault, Fault, Faults};
use entente_sims::salesforce::{FieldSpec, FieldType};
use entente_store::Viewer;
use rand::Rng;

use crate::world::World;

const CALL_FAULTS: &[(Fault, u32)] = &[
    (Fault::TimeoutBefore, 15),
    (Fault::TimeoutAfter, 25),
    (Fault::TooMany, 20),
    (Fault::ServerError, 20),
    (Fault::Unavailable, 10),
    (Fault::ExpiredSession, 10),
    (Fault::HalfPage, 50),
    (Fault::Collision, 20),
];
const MAIL_FAULTS: &[(DeliveryFault, u32)] = &[(DeliveryFault::Doubled, 80), (DeliveryFault::Late, 60), (DeliveryFault::Reordered, 100)];
/// Of a thousand calls, how many find the quota gone where quotas run out. Salesforce's then pauses for an hour.
const QUOTA_PER_MILLE: u32 = 4;
/// Of a thousand webhooks of our own writes, how many are lost where mail is.
const ECHOES_LOST_PER_MILLE: u32 = 60;
/// Of a thousand webhooks, all.
const ALL: u32 = 1_000;
/// A field of accounts that an admin may remove.
const REMOVABLE: &str = "Billing_Contact__c";
/// Status values that remain when an admin restricts the picklist.
const RESTRICTED: &[&str] = &["Active", "Suspended", "Churned"];

/// What an admin has changed for now.
#[derive(Debug, Default)]
pub struct Trouble {
    /// How often webhooks of each side suffer each fault.
    mail: Vec<Vec<(DeliveryFault, u32)>>,
    removed: bool,
    restricted: bool,
}

impl World {
    /// Draws how often each fault comes.
    pub fn go_wrong(&mut self) {
        for faults in self.hub.all_faults() {
            for (fault, per_mille) in CALL_FAULTS.iter().filter(|_| self.nature.faults) {
                faults.set_calls(*fault, self.dice.random_range(0..=*per_mille));
            }
            let mail = MAIL_FAULTS.iter().filter(|_| self.nature.faults);
            self.trouble.mail.push(mail.map(|(fault, per_mille)| (*fault, self.dice.random_range(0..=*per_mille))).collect());
            if self.nature.quota {
                faults.set_calls(Fault::QuotaExhausted, QUOTA_PER_MILLE);
            }
        }
        self.draw_mail_of_hub();
    }

    /// Draws what becomes of the webhooks of the next edit: on time, late, out of order or, in some worlds, lost. Whether they come on time
    /// decides what must be known of the edit in the end.
    pub fn draw_mail_of_edit(&mut self) {
        let fate = match self.dice.random_range(0..30) {
            0..=1 if self.nature.loses_mail => Some(DeliveryFault::Lost),
            2..=3 if self.nature.faults => Some(DeliveryFault::Late),
            4..=5 if self.nature.faults => Some(DeliveryFault::Reordered),
            _ => None,
        };
        self.unannounced = fate.is_some();
        for faults in self.hub.all_faults() {
            for fault in [DeliveryFault::Lost, DeliveryFault::Late, DeliveryFault::Reordered] {
                faults.set_deliveries(fault, if fate == Some(fault) { ALL } else { 0 });
            }
        }
    }

    /// Webhooks of our own writes suffer the usual faults.
    pub fn draw_mail_of_hub(&self) {
        for (faults, odds) in self.hub.all_faults().into_iter().zip(&self.trouble.mail) {
            odds.iter().for_each(|(fault, per_mille)| faults.set_deliveries(*fault, *per_mille));
            faults.set_deliveries(DeliveryFault::Lost, if self.nature.loses_mail { ECHOES_LOST_PER_MILLE } else { 0 });
        }
    }

    /// An admin of the CRM removes a field or restricts a picklist, or sets right what was changed.
    pub fn change_schema(&mut self) {
        let salesforce = &self.hub.salesforce;
        if self.trouble.removed || self.trouble.restricted {
            self.set_schema_right();
        } else if self.dice.random_range(0..2) == 0 {
            salesforce.remove_field("Account", REMOVABLE).unwrap();
            self.trouble.removed = true;
        } else {
            salesforce.set_picklist("Account", "Status__c", RESTRICTED, true).unwrap();
            self.trouble.restricted = true;
        }
        self.refused_values = true;
    }

    fn set_schema_right(&mut self) {
        let salesforce = &self.hub.salesforce;
        if std::mem::take(&mut self.trouble.removed) {
            salesforce.add_field("Account", FieldSpec::new(REMOVABLE, FieldType::String)).unwrap();
        }
        if std::mem::take(&mut self.trouble.restricted) {
            salesforce.set_picklist("Account", "Status__c", RESTRICTED, false).unwrap();
        }
    }

    /// Everything works again and nobody edits: long enough for every retry, late webhook, pause and poll. What was refused meanwhile is
    /// tried again, as an operator would.
    pub async fn come_to_rest(&mut self) {
        self.hub.fuse.set(0);
        self.hub.all_faults().iter().for_each(Faults::clear);
        self.set_schema_right();
        self.hub.run_for(if self.nature.quota { 150 } else { 60 }).await;
        // A system that did not answer is asked again by the hour.
        for _ in 0..4 {
            let open = self.hub.store.read(|tx| tx.erasures(&Viewer::system(), Some(entente_store::ErasureState::Working), 1, None));
            if open.await.unwrap().is_empty() {
                break;
            }
            self.hub.run_for(40).await;
        }
        if self.refused_values {
            dead_letters::retry_many(&self.hub.engine, &Viewer::system(), &dead_letters::RetryMany::default()).await.unwrap();
            self.hub.run_for(40).await;
        }
        self.people_decide().await;
    }
}
