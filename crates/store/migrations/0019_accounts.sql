-- What belongs to an account: its cases, deals and activities, by which its health is judged with every ticket.
create index records_by_account on records (object, state, (data->'account')) where data->'account' is not null;
