//! One suite for all platforms: the same stories, told of each one's connector against its simulator. What a platform cannot do, its
//! capabilities say, and then the story is that the connector says so as well.
//!
//! A platform joins with a file under `hosts/` (see [`host`]) and its name in the list below.

mod fates;
mod hooks;
mod host;
mod hosts;
mod objects;
mod privacy;
mod reading;
mod sign_in;
mod things;
mod told;
mod trial;
mod trouble;
mod values;
mod writing;

use entente_connect::capability::{Capabilities, Found, Happening};
use entente_connect::registry;

macro_rules! told_of {
    ($platform:ident: $($file:ident { $($story:ident)* })*) => {
        mod $platform {
            $($(
                #[tokio::test]
                async fn $story() {
                    crate::conformance::$file::$story(crate::conformance::trial::begin(crate::conformance::hosts::$platform::start).await).await;
                }
            )*)*
        }
    };
}

macro_rules! platforms {
    ($($platform:ident)*) => {
        /// The platforms that the stories are told of.
        const PLATFORMS: &[&str] = &[$(stringify!($platform)),*];
        $(told_of! { $platform:
            reading {
                a_read_misses_nothing_that_comes_or_changes_meanwhile
                twelve_thousand_changes_of_one_instant_are_each_read_once
                what_nobody_knows_yet_changes_nothing
            }
            sign_in {
                access_that_ends_between_two_pages_is_renewed_or_a_person_is_asked_for
                two_workers_renew_access_side_by_side
            }
            trouble {
                a_refusal_for_pace_is_waited_out_as_long_as_it_says
                a_refusal_for_pace_that_says_nothing_is_waited_out_all_the_same
                a_spent_quota_comes_back
                silence_and_tired_servers_are_tried_again
            }
            writing {
                a_creation_that_is_repeated_makes_no_twin
                a_creation_that_landed_unheard_makes_no_twin
                every_row_of_a_batch_has_its_own_fate
                a_row_that_moved_on_is_not_overwritten_or_the_platform_is_said_to_be_unable
                an_update_leaves_alone_what_it_does_not_name
                what_is_deleted_twice_is_deleted
            }
            values {
                fields_are_made_once
                nothing_is_not_an_empty_text
                what_a_row_is_never_without_is_declared
                what_one_row_alone_may_have_is_declared
                every_letter_survives
                the_longest_text_fits_and_a_longer_one_is_refused
                days_and_instants_are_the_same_everywhere
                a_list_takes_its_own_values_alone
            }
            fates {
                a_deletion_is_seen_as_the_capabilities_say
                a_merge_is_seen_as_the_capabilities_say
                two_rows_are_merged_when_we_ask_or_it_is_said_that_they_cannot_be
                what_comes_back_is_seen_as_the_capabilities_say
                what_becomes_of_what_a_customer_has_beside_is_seen_as_the_capabilities_say
            }
            hooks {
                a_repeated_delivery_is_known_and_the_order_does_not_matter
                a_message_that_is_sent_again_or_told_otherwise_makes_one_hint
                what_is_told_of_a_customer_s_other_rows_is_told_once_however_it_arrives
                what_the_platform_did_not_send_is_refused
            }
            told {
                of_contacts_every_kind_of_message_is_told_that_is_declared_and_no_other
                of_a_customer_s_other_rows_every_kind_of_message_is_told_that_is_declared_and_no_other
            }
            objects {
                what_a_customer_has_beside_is_written_found_read_and_told_of
            }
            privacy {
                nobody_s_data_is_in_a_log_or_an_error
            }
        })*
    };
}

platforms! { salesforce salesforce_soap hubspot pipedrive dynamics zendesk freshdesk intercom intercom_older rest }

/// Platforms that were begun, by `cargo xtask new-connector`: nobody can act there yet, so that no story can be told of them. Their own tests
/// hold that they refuse whatever they lack.
const BEGUN: &[&str] = &[];

#[test]
fn every_platform_there_is_has_a_stage() {
    let has = |key: &&str| PLATFORMS.contains(key) || BEGUN.contains(key);
    let missing: Vec<&str> = registry::ALL.iter().map(|platform| platform.spec.key).filter(|key| !has(key)).collect();
    assert!(missing.is_empty(), "no story is told of {missing:?}: give each a file under conformance/hosts and its name in platforms!");
}

#[test]
fn a_platform_of_which_no_story_is_told_claims_nothing() {
    for platform in registry::ALL.iter().filter(|platform| BEGUN.contains(&platform.spec.key)) {
        let claims = |object: &&Capabilities| object.key.is_some() || object.creates_fields || object.changes != Found::NEVER;
        let claimed: Vec<&str> = platform.spec.objects.iter().filter(claims).map(|object| object.object).collect();
        assert!(claimed.is_empty(), "{} can do something with {claimed:?}: move it from BEGUN to platforms!", platform.spec.key);
    }
}

#[test]
fn every_platform_says_what_it_can_do() {
    for platform in registry::ALL {
        let spec = platform.spec;
        assert!(!spec.objects.is_empty() && !spec.limits.is_empty(), "{}", spec.key);
        for object in spec.objects {
            assert!(object.page_rows > 0, "{}: {}", spec.key, object.object);
            let patterns: std::collections::BTreeSet<&str> = object.fields.iter().map(|(pattern, _)| *pattern).collect();
            assert_eq!(patterns.len(), object.fields.len(), "{}: {}", spec.key, object.object);
            let told: std::collections::BTreeSet<Happening> = object.told.iter().map(|told| told.what).collect();
            assert_eq!(told.len(), object.told.len(), "{}: {}: each kind of message is declared once", spec.key, object.object);
            assert!(object.told.iter().all(|told| !told.by.is_empty()), "{}: {}: a message has a name", spec.key, object.object);
        }
    }
}
