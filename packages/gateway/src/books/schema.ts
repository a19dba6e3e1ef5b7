import { HOLD_TABLE } from '@ogong/host/store/holds';
import { LEDGER_TABLE } from '@ogong/host/store/ledger-binding';
import { ARCHIVE_TABLE } from './archive.ts';
import { CALL_TABLE } from './call-store.ts';
import { CARD_TABLES } from './card-store.ts';
import { CREDIT_TABLES } from './credit-store.ts';
import { DEPOSIT_TABLES } from './deposits.ts';
import { PAYMENT_TABLE } from './payment-store.ts';
import { PERMIT_TABLE } from './permit-store.ts';
import { SIGNED_DEPOSIT_TABLE } from './signed-deposits.ts';

/** Money is TEXT: amounts have 128 bits, SQLite's integers 64. Ids and addresses are hex. */
export const GATEWAY_SCHEMA = `

  CREATE TABLE channels (
    validator TEXT PRIMARY KEY,
    cumulative TEXT NOT NULL,
    owed TEXT NOT NULL,
    outstanding TEXT NOT NULL
  ) STRICT;
  -- Of keys, and of organisations as 'org:<id>'.
  CREATE TABLE spending (
    account TEXT PRIMARY KEY,
    spent TEXT NOT NULL,
    reserved TEXT NOT NULL
  ) STRICT;
  CREATE TABLE usage (
    day TEXT NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    organisation TEXT NOT NULL,
    replies INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost TEXT NOT NULL,
    reserved TEXT NOT NULL,
    PRIMARY KEY (key_id, day, model)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX usage_by_day ON usage (day, key_id, model);
  -- Parts of budgets that were spent, and whether a webhook was told.
  CREATE TABLE alerts (
    account TEXT NOT NULL,
    budget TEXT NOT NULL,
    percent INTEGER NOT NULL,
    spent TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    sent_ms INTEGER,
    PRIMARY KEY (account, budget, percent)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE held (
    validator TEXT NOT NULL,
    holder TEXT NOT NULL,
    held TEXT NOT NULL,
    PRIMARY KEY (validator, holder)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE orders (
    reply_id TEXT PRIMARY KEY,
    completion_id TEXT NOT NULL,
    choice INTEGER NOT NULL,
    validator TEXT NOT NULL,
    key_id TEXT NOT NULL,
    organisation TEXT NOT NULL,
    model TEXT NOT NULL,
    max_fee TEXT NOT NULL,
    order_bytes BLOB NOT NULL,
    signature BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    fee TEXT,
    verdict TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    settlement TEXT NOT NULL DEFAULT '',
    held_record TEXT NOT NULL DEFAULT '',
    held_fee TEXT,
    judged_record TEXT NOT NULL DEFAULT '',
    failure TEXT NOT NULL DEFAULT '',
    failure_reason TEXT NOT NULL DEFAULT '',
    shown_bytes INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX orders_unsettled ON orders (created_ms) WHERE settlement = '';
  CREATE INDEX orders_by_completion ON orders (completion_id, choice);
  CREATE TABLE receipts (
    reply_id TEXT PRIMARY KEY,
    receipt BLOB NOT NULL,
    opening BLOB NOT NULL,
    request BLOB NOT NULL,
    response BLOB NOT NULL,
    checks TEXT NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX receipts_by_age ON receipts (created_ms);
  -- What validators sign for the records of these replies, each after its receipt is here, and the check that it passed.
  CREATE TABLE intakes (
    reply_id TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    signature BLOB NOT NULL,
    passed TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- What validators sign that they keep of this gateway's deliveries.
  CREATE TABLE held_words (
    reply_id TEXT NOT NULL,
    validator TEXT NOT NULL,
    delivery BLOB NOT NULL,
    payer_signature BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (reply_id, validator)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('complaint', 'delivery', 'milestone')),
    validator TEXT NOT NULL,
    message BLOB NOT NULL,
    opening BLOB,
    attempts INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX outbox_due ON outbox (kind, next_ms);
  -- Replies whose texts and receipts are dropped once their verdicts are known.
  CREATE TABLE private_replies (
    reply_id TEXT PRIMARY KEY,
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX private_replies_by_age ON private_replies (created_ms);
  ${LEDGER_TABLE}
  ${CALL_TABLE}
  ${HOLD_TABLE}
  ${ARCHIVE_TABLE}
  ${CREDIT_TABLES}
  ${PAYMENT_TABLE}
  ${PERMIT_TABLE}
  ${CARD_TABLES}
  ${DEPOSIT_TABLES}
  ${SIGNED_DEPOSIT_TABLE}
`;
