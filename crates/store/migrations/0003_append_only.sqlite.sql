create trigger entries_no_update before update on entries begin select raise(abort, 'the ledger is append-only'); end;
create trigger entries_no_delete before delete on entries begin select raise(abort, 'the ledger is append-only'); end;
create trigger blocks_no_update before update on blocks begin select raise(abort, 'the ledger is append-only'); end;
create trigger blocks_no_delete before delete on blocks begin select raise(abort, 'the ledger is append-only'); end;
