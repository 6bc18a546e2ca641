//! Whether a field of ours and a platform's field can hold the same values without a formula.

use crate::mapping::Direction;
use crate::mapping::remote::RemoteKind;
use crate::object::FieldType;

/// Why the pair does not fit in this direction, or `None` when it does.
pub(super) fn misfit(kind: &FieldType, remote: RemoteKind, direction: Direction) -> Option<String> {
    let reading = direction != Direction::Out && !readable(kind, remote);
    let writing = direction != Direction::In && !writable(kind, remote);
    (reading || writing).then(|| {
        let verb = if reading { "be read as" } else { "be written from" };
        format!("{} there cannot {verb} {} here", remote_name(remote), kind_name(kind))
    })
}

/// Reading converts whatever has an obvious meaning.
fn readable(kind: &FieldType, remote: RemoteKind) -> bool {
    use RemoteKind as R;
    match kind {
        FieldType::Text | FieldType::LongText | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::Picklist { .. } => {
            !matches!(remote, R::Json)
        }
        FieldType::Number { .. } | FieldType::Money { .. } => matches!(remote, R::Number | R::Text | R::Picklist | R::Json),
        FieldType::Date => matches!(remote, R::Date | R::Datetime | R::Text | R::Json),
        FieldType::Datetime => matches!(remote, R::Datetime | R::Date | R::Text | R::Json),
        FieldType::Boolean => matches!(remote, R::Boolean | R::Number | R::Text | R::Picklist | R::Json),
        FieldType::MultiPicklist { .. } => matches!(remote, R::MultiPicklist | R::Text | R::LongText | R::Picklist | R::Json),
        FieldType::Reference { .. } => matches!(remote, R::Reference | R::Text | R::Number | R::Json),
        FieldType::Json => true,
    }
}

/// Writing must never meet a value that the platform's type refuses.
fn writable(kind: &FieldType, remote: RemoteKind) -> bool {
    use RemoteKind as R;
    if *kind == FieldType::Json {
        return remote == R::Json;
    }
    let free = matches!(remote, R::Text | R::LongText | R::Json);
    free || match kind {
        FieldType::Text => matches!(remote, R::Email | R::Phone | R::Url | R::Picklist),
        FieldType::Picklist { .. } => matches!(remote, R::Picklist | R::MultiPicklist | R::Phone | R::Email | R::Url),
        FieldType::LongText | FieldType::Json => false,
        FieldType::Email => matches!(remote, R::Email),
        FieldType::Phone => matches!(remote, R::Phone),
        FieldType::Url => matches!(remote, R::Url),
        FieldType::Number { .. } | FieldType::Money { .. } => matches!(remote, R::Number),
        FieldType::Date => matches!(remote, R::Date | R::Datetime),
        FieldType::Datetime => matches!(remote, R::Datetime),
        FieldType::Boolean => matches!(remote, R::Boolean | R::Number | R::Picklist),
        FieldType::MultiPicklist { .. } => matches!(remote, R::MultiPicklist),
        FieldType::Reference { .. } => matches!(remote, R::Reference | R::Number),
    }
}

pub(super) fn remote_name(kind: RemoteKind) -> &'static str {
    match kind {
        RemoteKind::Text => "a text",
        RemoteKind::LongText => "a long text",
        RemoteKind::Email => "an e-mail address",
        RemoteKind::Phone => "a phone number",
        RemoteKind::Url => "a web address",
        RemoteKind::Number => "a number",
        RemoteKind::Date => "a date",
        RemoteKind::Datetime => "a date with time",
        RemoteKind::Boolean => "true or false",
        RemoteKind::Picklist => "one value of a list",
        RemoteKind::MultiPicklist => "several values of a list",
        RemoteKind::Reference => "a reference",
        RemoteKind::Json => "a nested value",
    }
}

pub(super) fn kind_name(kind: &FieldType) -> &'static str {
    match kind {
        FieldType::Text => "a text",
        FieldType::LongText => "a long text",
        FieldType::Email => "an e-mail address",
        FieldType::Phone => "a phone number",
        FieldType::Url => "a web address",
        FieldType::Number { .. } => "a number",
        FieldType::Money { .. } => "an amount of money",
        FieldType::Date => "a date",
        FieldType::Datetime => "a date with time",
        FieldType::Boolean => "true or false",
        FieldType::Picklist { .. } => "one value of a list",
        FieldType::MultiPicklist { .. } => "several values of a list",
        FieldType::Reference { .. } => "a record",
        FieldType::Json => "free JSON",
    }
}
