//! What the types of a description cannot say: names that must be there, gaps that can be filled, ways that exclude each other.

use super::Description;
use super::calls::{ListCall, Paging, WriteCall};
use super::fields::{Field, Kind, Options};
use super::object::{FindCall, ObjectPart};
use super::text::Template;

/// What is wrong, and where.
pub(crate) struct Wrong {
    /// Keys from the top; entries of lists by number.
    pub at: Vec<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

struct Judge(Vec<Wrong>);

impl Judge {
    fn wrong(&mut self, at: &[&str], reason: impl Into<String>, remedy: impl Into<String>) {
        let at = at.iter().map(|part| (*part).to_owned()).collect();
        self.0.push(Wrong { at, reason: reason.into(), remedy: remedy.into() });
    }

    fn gaps(&mut self, at: &[&str], template: &Template, known: &[&str]) {
        for gap in template.gaps().into_iter().filter(|gap| !known.contains(gap)) {
            let remedy = if known.is_empty() {
                "write it out; nothing is filled in here".to_owned()
            } else {
                format!("use {}", known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", "))
            };
            self.wrong(at, format!("nothing fills the gap {{{gap}}}"), remedy);
        }
    }

    fn path(&mut self, at: &[&str], template: &Template, known: &[&str], needed: Option<&str>) {
        if !template.text().starts_with('/') {
            self.wrong(at, format!("`{}` does not begin with `/`", template.text()), "name the path under the connection's base_url");
        }
        self.gaps(at, template, known);
        if let Some(needed) = needed.filter(|needed| !template.gaps().contains(needed)) {
            self.wrong(at, format!("the path does not hold {{{needed}}}"), format!("write it like `/rows/{{{needed}}}`"));
        }
    }

    fn paging(&mut self, at: &[&str], paging: &Paging) {
        let ways = [paging.cursor.is_some(), paging.link.is_some(), paging.page.is_some(), paging.offset.is_some(), paging.none];
        match ways.iter().filter(|way| **way).count() {
            0 => self.wrong(at, "nothing says how the list goes on", "name one of cursor, link, page, offset; `none: true` if it is whole"),
            1 => {}
            _ => self.wrong(at, "a list goes on in one way only", "name one of cursor, link, page, offset, none"),
        }
        if let Some(link) = &paging.link
            && link.at.is_some() == link.header
        {
            self.wrong(&[at, &["link"]].concat(), "the next address is in the answer or in a header", "name `at`, or set `header: true`");
        }
        for (name, numbered) in [("page", &paging.page), ("offset", &paging.offset)] {
            if numbered.as_ref().is_some_and(|numbered| numbered.more.is_none()) && paging.size.is_none() {
                self.wrong(&[at, &[name]].concat(), "nothing tells which page is the last one", "name `more`, or `size` beside it");
            }
        }
    }

    fn list(&mut self, at: &[&str], call: &ListCall, known: &[&str], usual: &Paging) {
        self.path(&[at, &["path"]].concat(), &call.path, known, None);
        for (name, template) in &call.query {
            self.gaps(&[at, &["query", name]].concat(), template, known);
        }
        match &call.paging {
            Some(paging) => self.paging(&[at, &["paging"]].concat(), paging),
            None if *usual == Paging::default() => {
                self.wrong(at, "nothing says how the list goes on", "add `paging` here, or for the whole description");
            }
            None => {}
        }
    }

    fn write(&mut self, at: &[&str], call: Option<&WriteCall>, needed: Option<&str>) {
        let Some(call) = call else { return };
        let known: Vec<&str> = needed.into_iter().collect();
        self.path(&[at, &["path"]].concat(), &call.path, &known, needed);
        for (name, template) in &call.query {
            self.gaps(&[at, &["query", name]].concat(), template, &known);
        }
    }

    fn merge(&mut self, at: &[&str], call: Option<&WriteCall>) {
        const ROWS: [&str; 3] = ["goes", "stays", "key"];
        let Some(call) = call else { return };
        self.path(&[at, &["path"]].concat(), &call.path, &ROWS, None);
        for (name, template) in &call.query {
            self.gaps(&[at, &["query", name]].concat(), template, &ROWS);
        }
        let body = serde_json::Value::Object(call.with.clone()).to_string();
        for row in ["goes", "stays"] {
            let in_query = call.query.values().any(|template| template.gaps().contains(&row));
            if !call.path.gaps().contains(&row) && !in_query && !body.contains(&format!("{{{row}}}")) {
                self.wrong(
                    at,
                    format!("the call does not name the row that {row}"),
                    format!("put {{{row}}} into its path, its query or `with`"),
                );
            }
        }
    }

    fn options(&mut self, at: &[&str], options: &Options, usual: &Paging) {
        let from = &[at, &["options", "from"]].concat();
        match &options.from {
            Some(call) => {
                self.list(from, call, &[], usual);
                if options.label.is_none() || options.id.is_none() {
                    self.wrong(from, "nothing says where a choice has its id and its name", "add `id` and `label` beside it");
                }
            }
            None if options.literal.is_empty() => {
                self.wrong(&[at, &["options"]].concat(), "a list without choices", "name them under `literal`, or a call under `from`");
            }
            None => {}
        }
    }

    fn field(&mut self, description: &Description, object: &ObjectPart, at: &[&str], field: &Field) {
        let ways = [field.value.is_some(), field.look_up.is_some(), field.last_line_of.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            self.wrong(at, "a field has one source", "keep one of value, look_up and last_line_of");
        }
        if let Some(look_up) = &field.look_up {
            if !description.lists.contains_key(&look_up.list) {
                let known: Vec<&str> = description.lists.keys().map(String::as_str).collect();
                let remedy =
                    if known.is_empty() { "describe it under `lists`".to_owned() } else { format!("use one of: {}", known.join(", ")) };
                self.wrong(&[at, &["look_up", "list"]].concat(), format!("there is no list `{}`", look_up.list), remedy);
            }
            if field.path.is_none() {
                self.wrong(at, "nothing says where the id is that is looked up", "add `path`");
            }
        }
        if let Some(text) = &field.last_line_of
            && object.fields.get(text).is_none_or(|other| other.last_line_of.is_some() || other.kind != Kind::LongText)
        {
            let reason = format!("`{text}` is no field of this object of type long_text");
            self.wrong(&[at, &["last_line_of"]].concat(), reason, "name the field whose text carries it");
        }
        if let Some(to) = &field.to
            && !description.objects.contains_key(to)
            && !description.lists.contains_key(to)
        {
            self.wrong(&[at, &["to"]].concat(), format!("there is no object or list `{to}`"), "name one, or take the key out");
        }
        if let Some(options) = &field.options {
            if !matches!(field.kind, Kind::Picklist | Kind::MultiPicklist) {
                self.wrong(at, "only a picklist has choices", "set `type: picklist` or `multi_picklist`");
            }
            self.options(at, options, &description.paging);
        }
    }

    fn find(&mut self, description: &Description, object: &ObjectPart, at: &[&str], find: Option<&FindCall>) {
        let Some(find) = find else { return };
        self.list(&[at, &["call"]].concat(), &find.call, &["value", "digits", "field"], &description.paging);
        if let Some(field) = &find.field
            && !object.fields.contains_key(field)
        {
            self.wrong(&[at, &["field"]].concat(), format!("there is no field `{field}`"), "name one of this object's fields");
        }
    }

    fn object(&mut self, description: &Description, name: &str, object: &ObjectPart) {
        let at = ["objects", name];
        let under = |key: &'static str| [at[0], at[1], key];
        let usual = &description.paging;
        self.list(&under("list"), &object.list, &[], usual);
        for call in &object.also {
            self.list(&under("also"), call, &[], usual);
        }
        if let Some(changes) = &object.changes {
            self.list(&[&under("changes")[..], &["call"]].concat(), &changes.call, &["since"], usual);
            let asks = changes.call.query.values().any(|template| template.gaps().contains(&"since"))
                || changes.call.path.gaps().contains(&"since")
                || changes.call.body.as_ref().is_some_and(|body| body.to_string().contains("{since}"));
            if !asks {
                self.wrong(&under("changes"), "the call does not say since when", "put {since} into one of its parameters");
            }
        }
        if let Some(removed) = &object.removed {
            self.list(&[&under("removed")[..], &["call"]].concat(), &removed.call, &["since"], usual);
            if removed.look && object.get.is_none() {
                self.wrong(&under("removed"), "rows that are looked at need a call that reads one", "describe `get`");
            }
        }
        match (&object.get, &object.get_many) {
            (None, None) => self.wrong(&at, "no row can be read by its id", "describe `get` or `get_many`"),
            (get, many) => {
                if let Some(get) = get {
                    self.path(&[&under("get")[..], &["path"]].concat(), &get.path, &["id"], Some("id"));
                }
                if let Some(many) = many {
                    self.list(&[&under("get_many")[..], &["call"]].concat(), &many.call, &["ids"], usual);
                    if many.max == 0 {
                        self.wrong(&[&under("get_many")[..], &["max"]].concat(), "0 ids are none", "name how many ids a call takes");
                    }
                }
            }
        }
        self.write(&under("create"), object.create.as_ref(), None);
        self.write(&under("update"), object.update.as_ref(), Some("id"));
        self.write(&under("upsert"), object.upsert.as_ref(), Some("key"));
        self.write(&under("delete"), object.delete.as_ref(), Some("id"));
        self.merge(&under("merge"), object.merge.as_ref());
        for (field_name, field) in &object.fields {
            self.field(description, object, &[at[0], at[1], "fields", field_name], field);
        }
        if let Some(custom) = &object.custom_fields {
            let at = [at[0], at[1], "custom_fields"];
            self.list(&[&at[..], &["list"]].concat(), &custom.list, &[], usual);
            for (key, template) in [("value", &custom.value), ("named", &custom.named)] {
                self.gaps(&[&at[..], &[key]].concat(), template, &["code"]);
                if !template.gaps().contains(&"code") {
                    self.wrong(&[&at[..], &[key]].concat(), "the text does not hold {code}", "write it like `custom.{code}`");
                }
            }
        }
        for (key, find) in
            [("email", &object.find.email), ("phone", &object.find.phone), ("name", &object.find.name), ("key", &object.find.key)]
        {
            self.find(description, object, &[at[0], at[1], "find", key], find.as_ref());
        }
    }

    fn webhooks(&mut self, description: &Description) {
        let Some(webhooks) = &description.webhooks else { return };
        let proof = &webhooks.proof;
        if [proof.basic, proof.secret_in_path, proof.signature.is_some()].iter().filter(|way| **way).count() != 1 {
            self.wrong(&["webhooks", "proof"], "messages are proved in one way", "name one of basic, signature, secret_in_path");
        }
        if webhooks.row_id.is_empty() {
            self.wrong(&["webhooks", "row_id"], "nothing says which row an event is about", "name where its id is");
        }
        for (word, object) in webhooks.objects.iter().filter(|(_, object)| !description.objects.contains_key(*object)) {
            self.wrong(&["webhooks", "objects", word], format!("there is no object `{object}`"), "name one of `objects`");
        }
        if let Some(subscribe) = &webhooks.subscribe {
            self.list(&["webhooks", "subscribe", "list"], &subscribe.list, &[], &description.paging);
            self.write(&["webhooks", "subscribe", "create"], Some(&subscribe.create), None);
            self.write(&["webhooks", "subscribe", "delete"], subscribe.delete.as_ref(), Some("id"));
        }
    }

    fn budgets(&mut self, description: &Description) {
        let known: Vec<&str> = description.limits.budgets.iter().filter_map(|budget| budget.name.as_deref()).collect();
        for (n, rule) in description.errors.rules.iter().enumerate() {
            if let Some(budget) = rule.budget.as_deref().filter(|budget| !known.contains(budget)) {
                let at = ["errors", "rules", &n.to_string(), "budget"];
                self.wrong(&at, format!("there is no budget `{budget}`"), "name one of `limits.budgets`, or take the key out");
            }
        }
        for (name, object) in &description.objects {
            let calls = [&object.find.email, &object.find.phone, &object.find.name, &object.find.key].into_iter().flatten();
            let calls = std::iter::once(&object.list).chain(calls.map(|find| &find.call));
            for budget in calls.filter_map(|call| call.budget.as_deref()).filter(|budget| !known.contains(budget)) {
                self.wrong(&["objects", name], format!("there is no budget `{budget}`"), "name one of `limits.budgets`");
            }
        }
    }
}

/// Everything that is wrong.
pub(crate) fn check(description: &Description) -> Vec<Wrong> {
    let mut judge = Judge(Vec::new());
    let auth = &description.auth;
    if auth.access_token.is_none() && auth.api_token.is_none() && auth.oauth.is_none() {
        judge.wrong(&["auth"], "nothing says how one signs in", "describe one of access_token, api_token, oauth");
    }
    if let Some(address) = &description.base_url
        && !address.starts_with("https://")
    {
        judge.wrong(&["base_url"], format!("`{address}` does not begin with https://"), "name the address of the platform's API");
    }
    if description.limits.concurrency == 0 {
        judge.wrong(&["limits", "concurrency"], "0 forbids every call", "name how many calls may be in flight at once");
    }
    if description.paging != Paging::default() {
        judge.paging(&["paging"], &description.paging);
    }
    judge.path(&["check", "call", "path"], &description.check.call.path, &[], None);
    for (name, list) in &description.lists {
        judge.list(&["lists", name, "call"], &list.call, &[], &description.paging);
    }
    if description.objects.is_empty() {
        judge.wrong(&["objects"], "there is nothing to sync", "describe an object");
    }
    for (name, object) in &description.objects {
        judge.object(description, name, object);
    }
    judge.webhooks(description);
    judge.budgets(description);
    for (n, mapping) in description.mappings.iter().enumerate() {
        if !description.objects.contains_key(&mapping.remote) {
            let at = ["mappings", &n.to_string(), "remote"];
            judge.wrong(&at, format!("there is no object `{}`", mapping.remote), "name one of `objects`");
        }
    }
    judge.0
}
