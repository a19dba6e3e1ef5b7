import { amount, bigInteger, bytes, columns, integer } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { equalBytes, ProtocolError } from '@ogong/protocol/base/bytes';
import { hashBeaconVote } from '@ogong/protocol/beacon/beacon';
import { hashKeyStatement } from '@ogong/protocol/beacon/threshold/key-plan';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashAllotment } from '@ogong/protocol/settlement/emission';
import type { ValidatorStatement } from '@ogong/protocol/settlement/validator-statement';
import {
  computeEntryHash,
  computeGenesisPosition,
  parseVerdictEntry,
  type VerdictEntry,
} from '@ogong/protocol/settlement/verdict-log';
import { SignerError } from './signer-error.ts';

/** Earlier signatures by chain and contract, so that no later one contradicts them. */
export const GUARD_SCHEMA = `
  CREATE TABLE log_places (
    chain_id TEXT NOT NULL,
    contract BLOB NOT NULL,
    validator BLOB NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (chain_id, contract, validator, position)
  ) STRICT;
  CREATE TABLE log_replies (
    chain_id TEXT NOT NULL,
    contract BLOB NOT NULL,
    validator BLOB NOT NULL,
    reply_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (chain_id, contract, validator, reply_id)
  ) STRICT;
  CREATE TABLE batches (
    chain_id TEXT NOT NULL,
    contract BLOB NOT NULL,
    validator BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (chain_id, contract, validator, sequence)
  ) STRICT;
  CREATE TABLE beacon_votes (
    chain_id TEXT NOT NULL,
    contract BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    view INTEGER NOT NULL,
    choice BLOB NOT NULL,
    PRIMARY KEY (chain_id, contract)
  ) STRICT;
  CREATE TABLE allotments (
    chain_id TEXT NOT NULL,
    contract BLOB NOT NULL,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (chain_id, contract, number)
  ) STRICT;
  CREATE TABLE beacon_deals (
    chain_id TEXT NOT NULL,
    contract BLOB NOT NULL,
    era INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    set_hash BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (chain_id, contract, era, attempt, set_hash)
  ) STRICT;
  CREATE TABLE beacon_retirements (
    chain_id TEXT NOT NULL,
    contract BLOB NOT NULL,
    generation INTEGER NOT NULL,
    last_epoch INTEGER NOT NULL,
    PRIMARY KEY (chain_id, contract, generation)
  ) STRICT;
`;

type BatchStatement = Extract<ValidatorStatement, { kind: 'batch' }>;
type AllotmentStatement = Extract<ValidatorStatement, { kind: 'allotment' }>;
type VoteStatement = Extract<ValidatorStatement, { kind: 'beacon-vote' }>;
type KeyStatement = Extract<ValidatorStatement, { kind: 'beacon-key' }>;
type RetirementStatement = Extract<ValidatorStatement, { kind: 'beacon-retirement' }>;

interface Place {
  readonly position: bigint;
  readonly hash: Uint8Array;
}

const where = { chainId: amount, contract: bytes } as const;
const placeColumns = columns({ ...where, validator: bytes, position: bigInteger, hash: bytes });
const replyColumns = columns({ ...where, validator: bytes, replyId: bytes, position: bigInteger });
const batchColumns = columns({ ...where, validator: bytes, sequence: bigInteger, first: bigInteger });
const voteColumns = columns({ ...where, epoch: bigInteger, view: integer, choice: bytes });
const allotmentColumns = columns({ ...where, number: integer, digest: bytes });
const dealColumns = columns({ ...where, era: integer, attempt: integer, setHash: bytes, digest: bytes });
const retirementColumns = columns({ ...where, generation: integer, lastEpoch: bigInteger });
const countColumns = columns({ positions: bigInteger });
const latestColumns = columns({ epoch: bigInteger, view: integer });

/**
 * Refuses a statement that contradicts an earlier signature, and notes the rest durably. A repeated statement passes.
 * @param superseded last epoch of an earlier retirement that no chain accepts any more: this one may replace it.
 * @returns whether statements of its kind are noted.
 * @throws SignerError `conflict`, `malformed`; StoreError
 */
export function guardStatement(
  crypto: Crypto,
  store: Store,
  statement: ValidatorStatement,
  superseded?: bigint | undefined,
): boolean {
  if (statement.kind === 'batch') guardBatch(crypto, store, statement);
  else if (statement.kind === 'beacon-vote') guardVote(crypto, store, statement);
  else if (statement.kind === 'allotment') guardAllotment(crypto, store, statement);
  else if (statement.kind === 'beacon-key') guardDeal(crypto, store, statement);
  else if (statement.kind === 'beacon-retirement') guardRetirement(store, statement, superseded);
  else return false;
  return true;
}

export interface GuardSummary {
  readonly epoch: bigint;
  readonly view: number;
  readonly positions: bigint;
}

export function summarizeGuard(store: Store): GuardSummary {
  return store.read(() => {
    const latest = latestColumns.get(
      store.prepare(`SELECT ${latestColumns.list} FROM beacon_votes ORDER BY epoch DESC LIMIT 1`),
    );
    const count = countColumns.get(store.prepare('SELECT count(*) AS positions FROM log_replies'));
    return { epoch: latest?.epoch ?? 0n, view: latest?.view ?? 0, positions: count?.positions ?? 0n };
  });
}

/** Guards beacon votes: one choice in each view, and no return to an earlier view or epoch. */
function guardVote(crypto: Crypto, store: Store, { domain, statement }: VoteStatement): void {
  const { epoch, view } = statement;
  assertSafe(epoch, 'epoch');
  const network = { chainId: domain.chainId, settlement: domain.verifyingContract };
  // One digest serves both phases: the committed choice of a view is its prepared one.
  const choice = hashBeaconVote(crypto, network, 'commit', statement);
  const key = [domain.chainId.toString(), domain.verifyingContract] as const;
  store.transact(() => {
    const find = `SELECT ${voteColumns.list} FROM beacon_votes WHERE chain_id = ? AND contract = ?`;
    const known = voteColumns.get(store.prepare(find), ...key);
    if (known !== undefined) {
      const said = `it has voted in view ${known.view} of epoch ${known.epoch}`;
      const isBefore = epoch < known.epoch || (epoch === known.epoch && view < known.view);
      if (isBefore) throw new SignerError('conflict', `a vote in view ${view} of epoch ${epoch}: ${said}`);
      const isSameView = epoch === known.epoch && view === known.view;
      if (isSameView && !equalBytes(choice, known.choice)) {
        throw new SignerError('conflict', `another choice in view ${view} of epoch ${epoch}: ${said}`);
      }
      if (isSameView) return;
    }
    const { chainId, verifyingContract: contract } = domain;
    voteColumns.insert(store, 'INSERT OR REPLACE INTO beacon_votes', { chainId, contract, epoch, view, choice });
  });
}

/** Guards tallies: one under each number. */
function guardAllotment(crypto: Crypto, store: Store, statement: AllotmentStatement): void {
  const { domain, number } = statement;
  const digest = hashAllotment(crypto, domain, statement);
  const key = [domain.chainId.toString(), domain.verifyingContract, number] as const;
  store.transact(() => {
    const find = `SELECT ${allotmentColumns.list} FROM allotments WHERE chain_id = ? AND contract = ? AND number = ?`;
    const known = allotmentColumns.get(store.prepare(find), ...key);
    if (known !== undefined && !equalBytes(known.digest, digest)) {
      throw new SignerError('conflict', `tally ${number} of the emission: another one was signed`);
    }
    const { chainId, verifyingContract: contract } = domain;
    if (known === undefined) {
      allotmentColumns.insert(store, 'INSERT INTO allotments', { chainId, contract, number, digest });
    }
  });
}

/**
 * Guards deals: one in each attempt to make a beacon key, for each set. A second deal would exclude this validator.
 * Complaints and outcomes contradict nothing: a complaint is answered, and the chain accepts one of several outcomes.
 */
function guardDeal(crypto: Crypto, store: Store, { domain, subject, statement }: KeyStatement): void {
  if (statement.kind !== 'deal') return;
  const { era, attempt, set: setHash } = subject;
  const { chainId, verifyingContract: contract } = domain;
  const digest = hashKeyStatement(crypto, { chainId, settlement: contract }, subject, statement);
  const key = [chainId.toString(), contract, era, attempt, setHash] as const;
  store.transact(() => {
    const find = `SELECT ${dealColumns.list} FROM beacon_deals
      WHERE chain_id = ? AND contract = ? AND era = ? AND attempt = ? AND set_hash = ?`;
    const known = dealColumns.get(store.prepare(find), ...key);
    if (known !== undefined && !equalBytes(known.digest, digest)) {
      throw new SignerError('conflict', `a deal in attempt ${attempt} of era ${era}: another one was signed`);
    }
    if (known === undefined) {
      dealColumns.insert(store, 'INSERT INTO beacon_deals', { chainId, contract, era, attempt, setHash, digest });
    }
  });
}

/** Guards retirements: one last epoch for each generation of the beacon, until no chain accepts it any more. */
function guardRetirement(store: Store, statement: RetirementStatement, superseded: bigint | undefined): void {
  const { domain, generation, lastEpoch } = statement;
  assertSafe(lastEpoch, 'epoch');
  const { chainId, verifyingContract: contract } = domain;
  store.transact(() => {
    const known = findRetirement(store, statement);
    if (known === lastEpoch) return;
    if (known !== undefined && known !== superseded) {
      throw new SignerError('conflict', `generation ${generation}: epoch ${known} was signed as its last one`);
    }
    const row = { chainId, contract, generation, lastEpoch };
    retirementColumns.insert(store, 'INSERT OR REPLACE INTO beacon_retirements', row);
  });
}

/** Finds the last epoch that was signed for a generation of the beacon. */
export function findRetirement(
  store: Store,
  { domain, generation }: Pick<RetirementStatement, 'domain' | 'generation'>,
): bigint | undefined {
  const find = `SELECT ${retirementColumns.list} FROM beacon_retirements
    WHERE chain_id = ? AND contract = ? AND generation = ?`;
  const key = [domain.chainId.toString(), domain.verifyingContract, generation] as const;
  return retirementColumns.get(store.prepare(find), ...key)?.lastEpoch;
}

/**
 * Guards batches: one log for each validator. That is one entry at each position, each reply at one position, and a run
 * with one start under each number. A run may end earlier or later: the chain accepts one batch for a number.
 */
function guardBatch(crypto: Crypto, store: Store, { domain, summary, entries }: BatchStatement): void {
  const { validator, sequence } = summary;
  assertSafe(sequence, 'sequence');
  assertSafe(summary.logLength, 'log length');
  const log = readRun(crypto, { domain, summary, entries });
  const [first] = log.parsed as [VerdictEntry];
  const { chainId, verifyingContract: contract } = domain;
  const of = { chainId, contract, validator };
  const key = [chainId.toString(), contract, validator] as const;
  const inLog = 'chain_id = ? AND contract = ? AND validator = ?';
  store.transact(() => {
    const findBatch = store.prepare(
      `SELECT ${batchColumns.list} FROM batches WHERE ${inLog}
       AND (sequence = ? AND first <> ? OR sequence < ? AND first >= ? OR sequence > ? AND first <= ?) LIMIT 1`,
    );
    const other = batchColumns.get(findBatch, ...key, ...Array(3).fill([sequence, first.index]).flat());
    if (other !== undefined) {
      throw new SignerError(
        'conflict',
        `batch ${sequence} from entry ${first.index}: batch ${other.sequence} was signed from entry ${other.first}`,
      );
    }
    // Most places are new. Only the others are compared.
    const findPlace = store.prepare(`SELECT ${placeColumns.list} FROM log_places WHERE ${inLog} AND position = ?`);
    for (const { position, hash } of log.places) {
      if (placeColumns.insert(store, 'INSERT OR IGNORE INTO log_places', { ...of, position, hash })) continue;
      const known = placeColumns.get(findPlace, ...key, position);
      if (known === undefined || !equalBytes(known.hash, hash)) {
        throw new SignerError('conflict', `entry ${position}: another log of this validator was signed`);
      }
    }
    const findReply = store.prepare(`SELECT ${replyColumns.list} FROM log_replies WHERE ${inLog} AND reply_id = ?`);
    for (const { index: position, replyId } of log.parsed) {
      if (replyColumns.insert(store, 'INSERT OR IGNORE INTO log_replies', { ...of, replyId, position })) continue;
      const known = replyColumns.get(findReply, ...key, replyId);
      if (known?.position !== position) {
        throw new SignerError('conflict', `entry ${position}: the reply was signed at entry ${known?.position}`);
      }
    }
    batchColumns.insert(store, 'INSERT OR REPLACE INTO batches', { ...of, sequence, first: first.index });
  });
}

/**
 * Checks that the entries chain to the head of the batch. @returns the places, with the one before the first, whose
 * hash it names.
 */
function readRun(
  crypto: Crypto,
  { domain, summary, entries }: Pick<BatchStatement, 'domain' | 'summary' | 'entries'>,
): { readonly parsed: readonly VerdictEntry[]; readonly places: readonly Place[] } {
  const parsed = entries.map(parseEntry);
  const [first] = parsed;
  if (first === undefined) throw new SignerError('malformed', 'a batch without entries');
  const { validator, logHead, logLength } = summary;
  const { chainId, verifyingContract: settlement } = domain;
  const genesis = computeGenesisPosition(crypto, { chainId, settlement, validator });
  if (first.index === 0n && !equalBytes(first.previousHash, genesis.head)) {
    throw new SignerError('malformed', 'the first entry does not begin the log of this validator');
  }
  const places: Place[] = first.index === 0n ? [] : [{ position: first.index - 1n, hash: first.previousHash }];
  let head = first.previousHash;
  for (const [i, entry] of parsed.entries()) {
    if (entry.index !== first.index + BigInt(i) || !equalBytes(entry.previousHash, head)) {
      throw new SignerError('malformed', `entry ${entry.index} does not follow the one before it`);
    }
    head = computeEntryHash(crypto, entries[i] as Uint8Array);
    places.push({ position: entry.index, hash: head });
  }
  if (!equalBytes(head, logHead) || first.index + BigInt(parsed.length) !== logLength) {
    throw new SignerError('malformed', 'the entries do not end at the head of the batch');
  }
  return { parsed, places };
}

function parseEntry(bytes: Uint8Array): VerdictEntry {
  try {
    return parseVerdictEntry(bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new SignerError('malformed', `a log entry does not parse: ${error.message}`, { cause: error });
  }
}

/** Refuses larger values: rows of SQLite are read as numbers. */
function assertSafe(value: bigint, what: string): void {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new SignerError('malformed', `${what} ${value} is too large`);
}
