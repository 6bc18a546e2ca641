//! Who is on stage: customers that both platforms hold, and what each platform holds of them.

use std::collections::HashMap;

use serde_json::Value;

use super::platforms::{support_id, text};
use super::stage::Stage;
use crate::fault::{Fault, Result};

/// A customer's person, as both platforms hold them.
#[derive(Debug, Clone)]
pub struct Customer {
    /// Id of the contact.
    pub contact: String,
    /// Id of the user.
    pub user: u64,
    /// Id of the contact's account.
    pub account: String,
    /// Id of the account's organization.
    pub organization: u64,
    /// Given name, as the CRM has it.
    pub first: String,
    /// What people call them.
    pub name: String,
}

/// Linked customers, one of each account, in the order of their ids.
///
/// # Errors
/// When a simulator does not answer, or there are fewer than `least`.
pub async fn customers(stage: &Stage, least: usize) -> Result<Vec<Customer>> {
    let organizations: HashMap<String, u64> =
        stage.crm.rows("Account").await?.iter().filter_map(|account| Some((text(&account["Id"]), support_id(account)?))).collect();
    let mut contacts = stage.crm.rows("Contact").await?;
    contacts.sort_by_key(|contact| text(&contact["Id"]));
    let mut found: Vec<Customer> = Vec::new();
    for contact in &contacts {
        let account = text(&contact["AccountId"]);
        let (Some(user), Some(organization)) = (support_id(contact), organizations.get(&account)) else { continue };
        if found.iter().any(|other| other.account == account) {
            continue;
        }
        let first = text(&contact["FirstName"]);
        let name = format!("{first} {}", text(&contact["LastName"]));
        found.push(Customer { contact: text(&contact["Id"]), user, account, organization: *organization, first, name });
    }
    if found.len() < least {
        return Err(Fault::new(
            format!("this scenario needs {least} companies, and there are {}", found.len()),
            format!("give at least --customers {}", (least + 2) * 5),
        ));
    }
    Ok(found)
}

/// A field of a contact and of its user, as text.
///
/// # Errors
/// When a simulator does not answer.
pub async fn held(stage: &Stage, customer: &Customer, crm_field: &str, desk_field: &str) -> Result<(String, String)> {
    let contact = stage.crm.row("Contact", &customer.contact).await?.unwrap_or_default();
    let user = stage.desk.row("user", customer.user).await?.unwrap_or_default();
    Ok((text(&contact[crm_field]), text(at(&user, desk_field))))
}

/// A field of an account and of its organization, as text.
///
/// # Errors
/// When a simulator does not answer.
pub async fn held_by_company(stage: &Stage, customer: &Customer, crm_field: &str, desk_field: &str) -> Result<(String, String)> {
    let account = stage.crm.row("Account", &customer.account).await?.unwrap_or_default();
    let organization = stage.desk.row("organization", customer.organization).await?.unwrap_or_default();
    Ok((text(&account[crm_field]), text(at(&organization, desk_field))))
}

/// A field of a row of the desk by its path, such as `user_fields.job_title`.
fn at<'a>(row: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(row, |value, part| &value[part])
}
