import { HOLD_TABLE } from '@ogong/host/store/holds';
import { LEDGER_TABLE } from '@ogong/host/store/ledger-binding';

/**
 * Condition for an open reply: an order that waits for its reply, or a reply that waits for verifiers. Their number is
 * limited for each payer.
 */
const OPEN_REPLY = (row: 'NEW' | 'OLD'): string =>
  `(${row}.state = 'admitted' OR ${row}.sitting > 0) AND ${row}.state IN ('admitted', 'auditing', 'waiting')`;

/**
 * A reply moves admitted -> recorded -> auditing -> decided. Abandoned replies go from admitted to decided. A reply
 * without a verdict waits between two audit attempts (docs/spec/validator.md). A decided reply is batched and settled
 * with the batch of its log entry: its row has kilobytes and is not written again. Amounts are decimal text: they exceed
 * 64 bits. Tables with rows of kilobytes have row ids: without them each level of the tree has whole rows, four to a page.
 */
export const VALIDATOR_SCHEMA = `
  CREATE TABLE replies (
    reply_id BLOB PRIMARY KEY NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('admitted', 'recorded', 'auditing', 'waiting', 'decided', 'refused')),
    order_bytes BLOB NOT NULL,
    order_hash BLOB NOT NULL,
    order_signature BLOB NOT NULL,
    consent BLOB,
    payer BLOB NOT NULL,
    provider_id BLOB NOT NULL,
    max_fee TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    admitted_epoch INTEGER NOT NULL DEFAULT 0,
    admitted_at INTEGER NOT NULL DEFAULT 0,
    recorded_at INTEGER,
    observed_ms INTEGER,
    record BLOB,
    provider_key BLOB,
    record_signature BLOB,
    header BLOB,
    header_proof BLOB,
    request BLOB,
    endpoint TEXT,
    response BLOB,
    request_summary BLOB,
    response_summary BLOB,
    fee TEXT,
    payee BLOB,
    intake_epoch INTEGER,
    forced INTEGER NOT NULL DEFAULT 0,
    beacon_epoch INTEGER,
    deadline INTEGER,
    opening BLOB,
    candidates BLOB,
    verdict TEXT,
    checks TEXT,
    evidence BLOB,
    entry_index INTEGER,
    uncollectable INTEGER NOT NULL DEFAULT 0,
    voided INTEGER NOT NULL DEFAULT 0,
    burnt INTEGER NOT NULL DEFAULT 0,
    ask_at INTEGER,
    drift BLOB,
    payee_word BLOB,
    cohort BLOB,
    progress BLOB,
    progress_signature BLOB,
    sitting INTEGER NOT NULL DEFAULT 0,
    postponed INTEGER NOT NULL DEFAULT 0,
    wait_epoch INTEGER,
    own_evidence BLOB
  );
  CREATE TABLE machines (
    hash BLOB PRIMARY KEY,
    provider_id BLOB NOT NULL,
    evidence BLOB NOT NULL,
    epoch INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE machine_proofs (
    hash BLOB PRIMARY KEY,
    provider_id BLOB NOT NULL,
    ejection INTEGER NOT NULL,
    proof BLOB NOT NULL,
    state TEXT NOT NULL,
    noted_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE test_draws (
    kind TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    proof BLOB NOT NULL,
    PRIMARY KEY (kind, epoch)
  ) WITHOUT ROWID;
  CREATE TABLE provider_tests (
    kind TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    provider_id BLOB NOT NULL,
    model_root BLOB NOT NULL,
    arrival INTEGER NOT NULL,
    missed INTEGER NOT NULL CHECK (missed IN (0, 1)),
    -- Of its answer, if measured.
    tokens INTEGER,
    took_ms INTEGER,
    PRIMARY KEY (kind, epoch, provider_id, model_root, arrival)
  ) WITHOUT ROWID;
  CREATE INDEX provider_tests_measured ON provider_tests (model_root, epoch) WHERE took_ms IS NOT NULL;
  CREATE INDEX replies_open ON replies (state, expires_at) WHERE state IN ('admitted', 'recorded', 'auditing', 'waiting');
  CREATE INDEX replies_audited ON replies (payee, expires_at) WHERE state = 'auditing';
  CREATE INDEX replies_waiting ON replies (wait_epoch) WHERE state = 'waiting';
  -- Number of a payer's open replies, see OPEN_REPLY. Counting them for each new order would be slow.
  CREATE TABLE open_counts (payer BLOB PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TRIGGER open_more AFTER INSERT ON replies WHEN ${OPEN_REPLY('NEW')} BEGIN
    INSERT OR IGNORE INTO open_counts VALUES (NEW.payer, 0);
    UPDATE open_counts SET n = n + 1 WHERE payer = NEW.payer;
  END;
  CREATE TRIGGER open_changed AFTER UPDATE OF state, sitting ON replies WHEN (${OPEN_REPLY('OLD')}) <> (${OPEN_REPLY('NEW')}) BEGIN
    INSERT OR IGNORE INTO open_counts VALUES (NEW.payer, 0);
    UPDATE open_counts SET n = n + (${OPEN_REPLY('NEW')}) - (${OPEN_REPLY('OLD')}) WHERE payer = NEW.payer;
  END;
  CREATE TRIGGER open_less AFTER DELETE ON replies WHEN ${OPEN_REPLY('OLD')} BEGIN
    UPDATE open_counts SET n = n - 1 WHERE payer = OLD.payer;
  END;
  CREATE INDEX replies_forced ON replies (payer) WHERE forced = 1;

  -- Deliveries of payers. The record is stored here until the provider hands it in.
  CREATE TABLE deliveries (
    reply_id BLOB PRIMARY KEY NOT NULL REFERENCES replies,
    delivery BLOB NOT NULL,
    signature BLOB NOT NULL,
    record BLOB,
    provider_key BLOB,
    record_signature BLOB,
    header BLOB,
    header_proof BLOB
  );

  -- The last commitments of dead providers, from their payers. They count if no record comes before the order expires.
  CREATE TABLE milestones (
    reply_id BLOB PRIMARY KEY REFERENCES replies,
    submission BLOB NOT NULL,
    opening BLOB NOT NULL,
    tokens INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE log (
    position INTEGER PRIMARY KEY,
    entry BLOB NOT NULL,
    reply_id BLOB NOT NULL UNIQUE REFERENCES replies
  );

  CREATE TABLE channels (
    payer BLOB PRIMARY KEY,
    voucher_cumulative TEXT NOT NULL,
    voucher_order BLOB NOT NULL,
    voucher_signature BLOB NOT NULL,
    settled TEXT NOT NULL DEFAULT '0',
    owed TEXT NOT NULL DEFAULT '0',
    outstanding TEXT NOT NULL DEFAULT '0'
  ) WITHOUT ROWID;

  CREATE TABLE batches (
    sequence INTEGER PRIMARY KEY,
    batch BLOB NOT NULL,
    from_position INTEGER NOT NULL,
    to_position INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('proposed', 'settled')),
    transaction_hash TEXT,
    settled_at INTEGER,
    pruned INTEGER NOT NULL DEFAULT 0,
    -- Certificate over its head by hybrid keys; only for the newest batches.
    head_certificate BLOB
  );
  CREATE INDEX batches_places ON batches (from_position, to_position, state);
  -- Batches are never deleted, and their other columns are behind the bytes of the batch. Reading all of them would be slow.
  CREATE INDEX batches_proposed ON batches (sequence) WHERE state = 'proposed';
  CREATE INDEX batches_unpruned ON batches (settled_at) WHERE pruned = 0;
  CREATE INDEX batches_certified ON batches (sequence) WHERE head_certificate IS NOT NULL;

  CREATE TABLE batch_signatures (
    sequence INTEGER NOT NULL REFERENCES batches,
    signer BLOB NOT NULL,
    signature BLOB NOT NULL,
    -- Signature over the head by a hybrid key, if the signer has one.
    head_key BLOB,
    head_signature BLOB,
    -- Share of the aggregated signature.
    share BLOB,
    PRIMARY KEY (sequence, signer)
  ) WITHOUT ROWID;

  CREATE TABLE cosigned (
    validator BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    digest BLOB NOT NULL,
    uncollectable BLOB NOT NULL,
    PRIMARY KEY (validator, sequence)
  ) WITHOUT ROWID;

  -- A reply belongs to the validator that its order names, so one validator's log blocks nothing of another's.
  -- Co-signed places of each log: one entry at each position, one position for each reply.
  CREATE TABLE cosigned_entries (
    validator BLOB NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    reply_id BLOB NOT NULL,
    PRIMARY KEY (validator, position),
    UNIQUE (validator, reply_id)
  ) WITHOUT ROWID;

  CREATE TABLE beacons (
    epoch INTEGER PRIMARY KEY,
    certificate BLOB NOT NULL
  );

  -- Values outlive their certificates, because a verdict may settle late.
  CREATE TABLE beacon_values (
    epoch INTEGER PRIMARY KEY,
    value BLOB NOT NULL,
    -- Sketches of the epoch derive from it.
    previous BLOB NOT NULL
  );

  CREATE TABLE beacon_vote (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    epoch INTEGER NOT NULL,
    view INTEGER NOT NULL,
    value BLOB NOT NULL,
    next BLOB NOT NULL,
    block INTEGER NOT NULL,
    lock BLOB
  );

  -- Sets of validators by their hash, as certificates name them.
  CREATE TABLE validator_sets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    members BLOB NOT NULL
  );

  -- Committees of eras of the threshold beacon, by their hash on the chain.
  CREATE TABLE beacon_seats (
    hash BLOB PRIMARY KEY,
    seats BLOB NOT NULL
  ) WITHOUT ROWID;

  -- This validator's records of a key generation, in their order. They contain secrets.
  CREATE TABLE beacon_key_entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    era INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    set_hash BLOB NOT NULL,
    entry BLOB NOT NULL
  );
  CREATE INDEX beacon_key_entries_attempt ON beacon_key_entries (era, attempt);

  -- The holders of an era's shares, and this validator's own shares, which are secret.
  CREATE TABLE beacon_eras (
    era INTEGER NOT NULL,
    transcript BLOB NOT NULL,
    record BLOB NOT NULL,
    shares BLOB NOT NULL,
    PRIMARY KEY (era, transcript)
  ) WITHOUT ROWID;

  -- The holders of the previous era's shares, without secrets. They serve to check deals of the newest era.
  CREATE TABLE beacon_former_eras (
    era INTEGER NOT NULL,
    transcript BLOB NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (era, transcript)
  ) WITHOUT ROWID;

  -- Validators that signed two deals of one attempt.
  CREATE TABLE beacon_struck (
    account BLOB PRIMARY KEY
  ) WITHOUT ROWID;

  CREATE TABLE providers (
    provider_id BLOB PRIMARY KEY,
    payee BLOB,
    audits INTEGER NOT NULL DEFAULT 0,
    rejects INTEGER NOT NULL DEFAULT 0,
    ejected INTEGER NOT NULL DEFAULT 0,
    -- Number of its ejection on the chain; 0 until it was seen.
    ejection INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;

  -- Reinstatements that the operator approved, with this validator's signature.
  CREATE TABLE reinstatements (
    provider_id BLOB NOT NULL,
    ejection INTEGER NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (provider_id, ejection)
  ) WITHOUT ROWID;

  CREATE TABLE announcements (
    provider_id BLOB PRIMARY KEY,
    sequence TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    announcement BLOB NOT NULL,
    cert_hash BLOB NOT NULL,
    -- Time since which it is announced without a gap, with this verifier, these models and at least this stake.
    since INTEGER NOT NULL,
    stake TEXT NOT NULL DEFAULT '0',
    -- With the signatures of provider, payee and verifier.
    credential BLOB,
    -- The verifier's endorsement in the credential.
    verifier_word BLOB,
    -- 1 if it came from another validator, and not from the provider.
    handed INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX announcements_cert ON announcements (cert_hash);
  CREATE INDEX announcements_expiry ON announcements (expires_at);

  CREATE TABLE verifiers (
    verifier_id BLOB PRIMARY KEY,
    marks INTEGER NOT NULL DEFAULT 0,
    last_reason TEXT NOT NULL,
    audits INTEGER NOT NULL DEFAULT 0,
    rejects INTEGER NOT NULL DEFAULT 0,
    evidence REAL NOT NULL DEFAULT 0,
    excluded INTEGER NOT NULL DEFAULT 0,
    credit INTEGER NOT NULL DEFAULT 0,
    silences INTEGER NOT NULL DEFAULT 0,
    deferred_until INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;

  -- Verifiers commit before they report, in rounds.
  CREATE TABLE attempts (
    reply_id BLOB NOT NULL REFERENCES replies,
    attempt INTEGER NOT NULL,
    sitting INTEGER NOT NULL,
    round INTEGER NOT NULL,
    verifier_id BLOB NOT NULL,
    key_hash BLOB,
    credential BLOB,
    nonce BLOB NOT NULL,
    -- Statements of witnesses, if it committed to nothing or opened nothing.
    statements BLOB,
    outcome TEXT NOT NULL CHECK (outcome IN ('asked', 'committed', 'report', 'garbage', 'silent')),
    verifier_key BLOB,
    digest BLOB,
    commitment_signature BLOB,
    salt BLOB,
    report BLOB,
    signature BLOB,
    PRIMARY KEY (reply_id, attempt)
  ) WITHOUT ROWID;

  -- Candidate lists of finished audit attempts.
  CREATE TABLE sittings (
    reply_id BLOB NOT NULL REFERENCES replies,
    sitting INTEGER NOT NULL,
    candidates BLOB NOT NULL,
    PRIMARY KEY (reply_id, sitting)
  ) WITHOUT ROWID;

  -- Credentials of candidates in running audit attempts whose announcement has changed since.
  CREATE TABLE listed_credentials (
    reply_id BLOB NOT NULL REFERENCES replies,
    provider_id BLOB NOT NULL,
    credential BLOB NOT NULL,
    PRIMARY KEY (reply_id, provider_id)
  ) WITHOUT ROWID;

  -- First position at which a rejected reply differs from its re-run.
  CREATE TABLE divergences (
    reply_id BLOB PRIMARY KEY REFERENCES replies,
    evidence BLOB NOT NULL,
    third_report BLOB,
    third_key BLOB,
    third_signature BLOB,
    side TEXT NOT NULL CHECK (side IN ('provider', 'verifier', 'neither', 'unproven')),
    layer TEXT
  ) WITHOUT ROWID;

  -- Drift tables that were used, with the end of their use; a hash of zeros means none.
  CREATE TABLE drift_tables (
    hash BLOB PRIMARY KEY,
    bytes BLOB NOT NULL,
    named INTEGER NOT NULL,
    until INTEGER
  ) WITHOUT ROWID;

  -- Sequential tests of provider keys (32 bytes) and of payees (20 bytes), by their log.
  CREATE TABLE tests (
    log BLOB NOT NULL,
    subject BLOB NOT NULL,
    audits INTEGER NOT NULL,
    rejects INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    ejected INTEGER NOT NULL,
    late_audits INTEGER NOT NULL,
    late_rejects INTEGER NOT NULL,
    late_evidence TEXT NOT NULL,
    late_ejected INTEGER NOT NULL,
    counted_epoch INTEGER NOT NULL,
    proven_at INTEGER NOT NULL,
    credit INTEGER NOT NULL,
    debt TEXT NOT NULL,
    suspect BLOB,
    others_audits INTEGER,
    others_rejects INTEGER,
    others_evidence TEXT,
    others_ejected INTEGER,
    silent_at INTEGER NOT NULL,
    silent_bits INTEGER NOT NULL,
    PRIMARY KEY (log, subject)
  ) WITHOUT ROWID;
  CREATE INDEX tests_silent ON tests (silent_at) WHERE silent_at > 0;

  -- Positions up to which settled logs are counted in their tests.
  CREATE TABLE counted_logs (
    log BLOB PRIMARY KEY,
    length INTEGER NOT NULL,
    head BLOB NOT NULL
  ) WITHOUT ROWID;

  -- Honeypots are planned with an audit, asked at their own moment, and decided with the verdict.
  CREATE TABLE honeypots (
    id BLOB PRIMARY KEY,
    reply_id BLOB NOT NULL REFERENCES replies,
    beacon BLOB NOT NULL,
    proof BLOB,
    verifier_id BLOB NOT NULL,
    key_hash BLOB NOT NULL,
    ask_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    credential BLOB,
    verifier_key BLOB,
    digest BLOB,
    commitment_signature BLOB,
    salt BLOB,
    report BLOB,
    signature BLOB,
    unreadable INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0,
    statements BLOB,
    outcome TEXT CHECK (outcome IN ('passed', 'failed', 'unclear', 'garbage', 'silent', 'dropped'))
  );
  CREATE INDEX honeypots_open ON honeypots (ask_at) WHERE outcome IS NULL;
  CREATE INDEX honeypots_reply ON honeypots (reply_id);

  -- Openings that did not come at once.
  CREATE TABLE opening_asks (
    reply_id BLOB PRIMARY KEY REFERENCES replies,
    asks INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    waited_ms REAL NOT NULL,
    pause_ms INTEGER NOT NULL,
    due_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX opening_asks_due ON opening_asks (due_at);

  -- Questions of this validator as a witness. The outcome stays, so that no other one is ever signed.
  CREATE TABLE witnessed (
    validator BLOB NOT NULL,
    reply_id BLOB NOT NULL,
    asked TEXT NOT NULL,
    target BLOB NOT NULL,
    order_hash BLOB NOT NULL,
    subject BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    asks INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    waited_ms REAL NOT NULL,
    pause_ms INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    outcome TEXT CHECK (outcome IN ('found', 'refused', 'silent')),
    epoch INTEGER,
    time_ms INTEGER,
    PRIMARY KEY (validator, reply_id, asked, target, subject)
  ) WITHOUT ROWID;
  CREATE INDEX witnessed_age ON witnessed (expires_at);
  CREATE INDEX witnessed_open ON witnessed (validator) WHERE outcome IS NULL;

  -- Deliveries of payers about replies that other validators handle.
  CREATE TABLE heard (
    validator BLOB NOT NULL,
    reply_id BLOB NOT NULL,
    payer BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    delivery BLOB NOT NULL,
    signature BLOB NOT NULL,
    record BLOB NOT NULL,
    provider_key BLOB NOT NULL,
    record_signature BLOB NOT NULL,
    header BLOB NOT NULL,
    header_proof BLOB NOT NULL,
    PRIMARY KEY (validator, reply_id)
  );
  CREATE INDEX heard_age ON heard (expires_at);
  -- Number of these deliveries in all (kind 0), of each payer (1), and about replies of each validator (2).
  -- Counting them for each new delivery would be slow.
  CREATE TABLE heard_counts (
    kind INTEGER NOT NULL,
    name BLOB NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
  ) WITHOUT ROWID;
  CREATE TRIGGER heard_more AFTER INSERT ON heard BEGIN
    INSERT OR IGNORE INTO heard_counts VALUES (0, x'', 0), (1, NEW.payer, 0), (2, NEW.validator, 0);
    UPDATE heard_counts SET n = n + 1 WHERE (kind, name) IN (VALUES (0, x''), (1, NEW.payer), (2, NEW.validator));
  END;
  CREATE TRIGGER heard_less AFTER DELETE ON heard BEGIN
    UPDATE heard_counts SET n = n - 1 WHERE (kind, name) IN (VALUES (0, x''), (1, OLD.payer), (2, OLD.validator));
    DELETE FROM heard_counts WHERE n = 0 AND (kind, name) IN (VALUES (0, x''), (1, OLD.payer), (2, OLD.validator));
  END;

  -- Statements of witnesses about replies of this validator.
  CREATE TABLE statements (
    reply_id BLOB NOT NULL REFERENCES replies,
    asked TEXT NOT NULL,
    target BLOB NOT NULL,
    subject BLOB NOT NULL,
    place INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (reply_id, asked, target, subject, place)
  ) WITHOUT ROWID;

  INSERT INTO drift_tables VALUES (zeroblob(32), x'', 0, NULL);
  ${LEDGER_TABLE}
  ${HOLD_TABLE}
`;
