import { createLedgerMigration } from '../../../store/ledger-binding.ts';
import type { Migration } from '../../../store/store.ts';
import { migrateTests } from './sequential-store.ts';

/**
 * A reply moves admitted -> recorded -> auditing -> decided -> batched -> settled; abandoned replies go from admitted to
 * decided (docs/spec/validator.md). Amounts are decimal text: they exceed 64 bits.
 */
export const migrations: readonly Migration[] = [
  `
  CREATE TABLE replies (
    reply_id BLOB PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('admitted', 'recorded', 'auditing', 'decided', 'batched', 'settled')),
    order_bytes BLOB NOT NULL,
    order_signature BLOB NOT NULL,
    payer BLOB NOT NULL,
    provider_id BLOB NOT NULL,
    max_fee TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    record BLOB,
    provider_key BLOB,
    record_signature BLOB,
    header BLOB,
    header_proof BLOB,
    request BLOB,
    endpoint TEXT,
    response BLOB,
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
    sequence INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX replies_open ON replies (state, expires_at) WHERE state IN ('admitted', 'recorded', 'auditing');
  CREATE INDEX replies_batch ON replies (sequence) WHERE sequence IS NOT NULL;

  CREATE TABLE attempts (
    reply_id BLOB NOT NULL REFERENCES replies,
    attempt INTEGER NOT NULL,
    verifier_id BLOB NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('report', 'garbage', 'silent')),
    report BLOB,
    verifier_key BLOB,
    signature BLOB,
    PRIMARY KEY (reply_id, attempt)
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
    pruned INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE batch_signatures (
    sequence INTEGER NOT NULL REFERENCES batches,
    signer BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (sequence, signer)
  ) WITHOUT ROWID;

  CREATE TABLE cosigned (
    validator BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (validator, sequence)
  ) WITHOUT ROWID;
  CREATE TABLE cosigned_replies (
    reply_id BLOB PRIMARY KEY,
    validator BLOB NOT NULL,
    sequence INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE beacons (
    epoch INTEGER PRIMARY KEY,
    certificate BLOB NOT NULL
  );
  CREATE TABLE beacon_vote (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    epoch INTEGER NOT NULL,
    view INTEGER NOT NULL,
    value BLOB NOT NULL,
    lock BLOB
  );

  CREATE TABLE providers (
    provider_id BLOB PRIMARY KEY,
    payee BLOB,
    audits INTEGER NOT NULL DEFAULT 0,
    rejects INTEGER NOT NULL DEFAULT 0,
    evidence REAL NOT NULL DEFAULT 0,
    ejected INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX providers_payee ON providers (payee);

  CREATE TABLE announcements (
    provider_id BLOB PRIMARY KEY,
    sequence TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    announcement BLOB NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE verifiers (
    verifier_id BLOB PRIMARY KEY,
    marks INTEGER NOT NULL DEFAULT 0,
    last_reason TEXT NOT NULL
  ) WITHOUT ROWID;
  `,
  // A batch names whom it cannot draw; the ones from before name nobody.
  `
  UPDATE batches SET batch = CAST('ogong-batch-v2' || substr(batch, 15) || x'0000' AS BLOB);
  ALTER TABLE replies ADD COLUMN uncollectable INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE cosigned ADD COLUMN log_head BLOB;
  ALTER TABLE cosigned ADD COLUMN uncollectable BLOB;
  `,
  // Whose verifier a key is; whoever announces it first.
  `
  CREATE TABLE verifier_keys (
    key_hash BLOB PRIMARY KEY,
    provider_id BLOB NOT NULL
  ) WITHOUT ROWID;
  `,
  // Verifiers commit before they report, in rounds. Audits that were under way ask anew.
  `
  DROP TABLE attempts;
  CREATE TABLE attempts (
    reply_id BLOB NOT NULL REFERENCES replies,
    attempt INTEGER NOT NULL,
    round INTEGER NOT NULL,
    verifier_id BLOB NOT NULL,
    key_hash BLOB,
    nonce BLOB NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('asked', 'committed', 'report', 'garbage', 'silent')),
    verifier_key BLOB,
    digest BLOB,
    commitment_signature BLOB,
    salt BLOB,
    report BLOB,
    signature BLOB,
    PRIMARY KEY (reply_id, attempt)
  ) WITHOUT ROWID;
  UPDATE replies SET candidates = NULL WHERE state = 'auditing';
  ALTER TABLE replies ADD COLUMN ask_at INTEGER;
  `,
  // What verifiers did, and honeypots for them.
  `
  ALTER TABLE verifiers ADD COLUMN audits INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE verifiers ADD COLUMN rejects INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE verifiers ADD COLUMN evidence REAL NOT NULL DEFAULT 0;
  ALTER TABLE verifiers ADD COLUMN excluded INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE verifiers ADD COLUMN credit INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE verifiers ADD COLUMN silences INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE verifiers ADD COLUMN deferred_until INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE replies ADD COLUMN opened_at BLOB;

  CREATE TABLE known_answers (
    reply_id BLOB PRIMARY KEY,
    provider_id BLOB NOT NULL,
    request BLOB NOT NULL,
    endpoint TEXT NOT NULL,
    header BLOB NOT NULL,
    report BLOB NOT NULL,
    model_root BLOB NOT NULL,
    bank_seed BLOB NOT NULL,
    seen_by BLOB NOT NULL,
    created_at INTEGER NOT NULL
  );
  CREATE INDEX known_answers_bank ON known_answers (bank_seed);
  CREATE TABLE honeypots (
    id BLOB PRIMARY KEY,
    reply_id BLOB NOT NULL,
    verifier_id BLOB NOT NULL,
    key_hash BLOB NOT NULL,
    bad INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    verifier_key BLOB,
    digest BLOB,
    commitment_signature BLOB,
    outcome TEXT CHECK (outcome IN ('passed', 'failed', 'unclear', 'garbage', 'silent', 'dropped'))
  ) WITHOUT ROWID;
  CREATE INDEX honeypots_open ON honeypots (deadline) WHERE outcome IS NULL;
  `,
  // Where a rejected reply parts from its re-run.
  `
  CREATE TABLE divergences (
    reply_id BLOB PRIMARY KEY REFERENCES replies,
    evidence BLOB NOT NULL,
    third_report BLOB,
    third_key BLOB,
    third_signature BLOB,
    side TEXT NOT NULL CHECK (side IN ('provider', 'verifier', 'neither', 'unproven')),
    layer TEXT
  ) WITHOUT ROWID;
  `,
  // Tables of honest drift that were judged by, and until when; a hash of zeros is none.
  `
  CREATE TABLE drift_tables (
    hash BLOB PRIMARY KEY,
    bytes BLOB NOT NULL,
    named INTEGER NOT NULL,
    until INTEGER
  ) WITHOUT ROWID;
  INSERT INTO drift_tables VALUES (zeroblob(32), x'', 0, NULL);
  `,
  migrateTests,
  // A honeypot is planned with its audit, asked at a moment of its own, and judged once its answer is known.
  `
  DROP TABLE honeypots;
  DROP TABLE known_answers;
  CREATE TABLE known_answers (
    reply_id BLOB PRIMARY KEY REFERENCES replies,
    report BLOB NOT NULL
  );
  CREATE TABLE honeypots (
    id BLOB PRIMARY KEY,
    reply_id BLOB NOT NULL REFERENCES replies,
    verifier_id BLOB NOT NULL,
    key_hash BLOB NOT NULL,
    output_tokens BLOB NOT NULL,
    list_sizes BLOB NOT NULL,
    shape_classes BLOB NOT NULL,
    position INTEGER,
    ask_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    verifier_key BLOB,
    digest BLOB,
    commitment_signature BLOB,
    salt BLOB,
    report BLOB,
    signature BLOB,
    outcome TEXT CHECK (outcome IN ('passed', 'failed', 'unclear', 'garbage', 'silent', 'dropped'))
  );
  CREATE INDEX honeypots_open ON honeypots (ask_at) WHERE outcome IS NULL;
  `,
  // The table weighs the draw, and is kept with it. Audits that were under way draw anew.
  `
  ALTER TABLE replies ADD COLUMN drift BLOB;
  DELETE FROM attempts;
  UPDATE replies SET candidates = NULL WHERE state = 'auditing';
  `,
  // Draws that fell into the tail, of a reply as it is put before a honeypot's verifier.
  `
  ALTER TABLE honeypots ADD COLUMN tail_draws BLOB NOT NULL DEFAULT x'';
  `,
  // Openings that did not come at once, and who has been late with them.
  `
  CREATE TABLE opening_asks (
    reply_id BLOB PRIMARY KEY REFERENCES replies,
    asks INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    waited_ms REAL NOT NULL,
    pause_ms INTEGER NOT NULL,
    due_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX opening_asks_due ON opening_asks (due_at);
  CREATE TABLE lateness (
    subject BLOB PRIMARY KEY,
    audits INTEGER NOT NULL,
    rejects INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    ejected INTEGER NOT NULL,
    counted_epoch INTEGER NOT NULL
  ) WITHOUT ROWID;
  `,
  // Replies that no audit asks about, kept for honeypots; the opening as soon as it is there.
  `
  CREATE TABLE reserve (
    reply_id BLOB PRIMARY KEY REFERENCES replies,
    deadline INTEGER NOT NULL,
    opening BLOB
  );
  CREATE INDEX honeypots_reply ON honeypots (reply_id);
  `,
  // From before payees signed: expired until they come again, kept for what their providers owe and own.
  `
  UPDATE announcements SET expires_at = expires_at - 3600000;
  `,
  // A key is of those for whom the verifier signed, who come again with its signature.
  `
  UPDATE announcements SET expires_at = expires_at - 3600000;
  DROP TABLE verifier_keys;
  `,
  // Replies carry their payee's word. Those from before have none, here and at peers that follow within a day.
  `
  ALTER TABLE replies ADD COLUMN payee_signature BLOB;
  CREATE TABLE payee_word_grace (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    until INTEGER NOT NULL
  );
  INSERT INTO payee_word_grace SELECT 0, (CAST(strftime('%s', 'now') AS INTEGER) + 86400) * 1000
  WHERE EXISTS (SELECT 1 FROM replies) OR EXISTS (SELECT 1 FROM cosigned);
  `,
  // Announcements are counted, and one certificate has one; those from before come again within seconds.
  `
  ALTER TABLE announcements ADD COLUMN cert_hash BLOB;
  CREATE INDEX announcements_cert ON announcements (cert_hash);
  CREATE INDEX announcements_expiry ON announcements (expires_at);
  `,
  // No order that can be read is of a time when replies came without their payee's word.
  `
  DROP TABLE payee_word_grace;
  `,
  createLedgerMigration({ orders: 'replies', others: ['cosigned', 'beacons', 'beacon_vote'] }),
  // Of payees over the limit: what all their keys but one go on to show.
  `
  CREATE TABLE rest_tests (
    payee BLOB PRIMARY KEY,
    suspect BLOB NOT NULL,
    audits INTEGER NOT NULL,
    rejects INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    ejected INTEGER NOT NULL
  ) WITHOUT ROWID;
  `,
];
