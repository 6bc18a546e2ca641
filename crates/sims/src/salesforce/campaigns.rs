//! Campaigns count their members; the counts are no edits, so that nothing of the campaign's stamps changes.

use super::cell::{Cell, Val};
use super::id::SfId;
use super::org::Org;
use super::table::Row;

impl Org {
    /// The campaign that a row is a member of; `None` for rows of other objects.
    pub fn campaign_of(&self, table: usize, row: &Row) -> Option<SfId> {
        let t = &self.tables[table];
        (t.name == "CampaignMember").then(|| row.cell(t.slot("CampaignId")?).id()).flatten()
    }

    /// Counts the members of a campaign anew.
    pub fn count_members(&mut self, table: usize, campaign: Option<SfId>) {
        let Some((id, (at, ord))) = campaign.and_then(|id| Some((id, self.locate(id)?))) else { return };
        let members = &self.tables[table];
        let (Some(of), Some(lead), Some(contact), Some(responded)) =
            (members.slot("CampaignId"), members.slot("LeadId"), members.slot("ContactId"), members.slot("HasResponded"))
        else {
            return;
        };
        let rows: Vec<&Row> = self.children(table, of, id).into_iter().filter_map(|ord| members.row(ord)).collect();
        let many = |counts: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| counts(row)).count() as f64;
        let counted = [
            ("NumberOfLeads", many(&|row| !row.cell(lead).is_null())),
            ("NumberOfContacts", many(&|row| !row.cell(contact).is_null())),
            ("NumberOfResponses", many(&|row| row.cell(responded) == Val::Bool(true))),
        ];
        let Some(mut row) = self.tables[at].row(ord).cloned() else { return };
        for (name, count) in counted {
            if let Some(slot) = self.tables[at].slot(name) {
                row.set(slot, Some(Cell::Num(count)));
            }
        }
        self.store(at, Some(ord), row);
    }
}
