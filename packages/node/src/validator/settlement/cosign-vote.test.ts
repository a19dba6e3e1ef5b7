import { openStore, type Store } from '@ogong/host/store/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { assertReplaces, type Ballot, castVote, readVote } from './cosign-vote.ts';

let store: Store;
beforeEach(() => {
  store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
});
afterEach(() => store.close());

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const ballot: Ballot = {
  validator: bytes(20, 1),
  sequence: 5n,
  digest: bytes(32, 2),
  logHead: bytes(32, 3),
  uncollectable: [],
  entries: [{ replyId: bytes(16, 4), index: 0n }],
  replaces: undefined,
};

it('keeps what was signed, and takes it again', () => {
  expect(readVote(store, ballot.validator, 5n)).toBeUndefined();
  const uncollectable = [bytes(20, 6), bytes(20, 7)];
  castVote(store, { ...ballot, uncollectable });
  castVote(store, { ...ballot, uncollectable });
  const { digest, logHead } = ballot;
  expect(readVote(store, ballot.validator, 5n)).toEqual({ digest, logHead, uncollectable });
  expect(readVote(store, ballot.validator, 6n)).toBeUndefined();
});

it('signs another digest only in place of the one that it was checked against', () => {
  castVote(store, ballot);
  const other = { ...ballot, digest: bytes(32, 9) };
  const conflict = expect.objectContaining({ code: 'conflict' });
  expect(() => castVote(store, other)).toThrow(conflict);
  expect(() => castVote(store, { ...other, replaces: bytes(32, 8) })).toThrow(conflict);
  castVote(store, { ...other, replaces: ballot.digest });
  expect(readVote(store, ballot.validator, 5n)?.digest).toEqual(other.digest);
});

it('lets a reply stand in one batch', () => {
  castVote(store, ballot);
  const conflict = /entry 0: the reply was settled in another batch/;
  expect(() => castVote(store, { ...ballot, sequence: 6n })).toThrow(conflict);
});

it('counts a reply for its validator alone, so an id of one blocks no batch of another', () => {
  castVote(store, ballot);
  const other = { ...ballot, validator: bytes(20, 8) };
  castVote(store, other);
  expect(readVote(store, other.validator, 5n)?.digest).toEqual(ballot.digest);
});

it('replaces a batch by one of the same log', () => {
  const batch = (logHead: Uint8Array) => ({ batch: { sequence: 5n, logHead } as never });
  assertReplaces(ballot, batch(ballot.logHead));
  expect(() => assertReplaces(ballot, batch(bytes(32, 9)))).toThrow('another batch was signed as number 5');
});

it('refuses a stored vote whose payers are no addresses', () => {
  castVote(store, ballot);
  store.database.exec("UPDATE cosigned SET uncollectable = x'0102'");
  expect(() => readVote(store, ballot.validator, 5n)).toThrow(/uncollectable of a database does not parse/);
});
