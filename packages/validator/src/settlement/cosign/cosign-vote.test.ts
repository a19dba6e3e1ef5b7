import { openStore, type Store } from '@ogong/host/store/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VALIDATOR_SCHEMA } from '../../store/schema.ts';
import { assertOneLog, type Ballot, castVote, findSigned, listPlaces, readVote } from './cosign-vote.ts';

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
  uncollectable: [],
  places: [3, 4, 5].map((n, i) => ({ position: BigInt(i), hash: bytes(32, n), replyId: bytes(16, n) })),
  replaces: undefined,
};

it('keeps what was signed, and takes it again', () => {
  expect(readVote(store, ballot.validator, 5n)).toBeUndefined();
  const uncollectable = [bytes(20, 6), bytes(20, 7)];
  castVote(store, { ...ballot, uncollectable });
  castVote(store, { ...ballot, uncollectable });
  const { digest } = ballot;
  expect(readVote(store, ballot.validator, 5n)).toEqual({ digest, uncollectable });
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

it('accepts a shorter and a longer run of the same log', () => {
  const [first, second, third] = ballot.places as [never, never, never];
  castVote(store, { ...ballot, places: [first, second] });
  assertOneLog(store, ballot.validator, [first]);
  castVote(store, { ...ballot, places: [first, second, third] });
  castVote(store, { ...ballot, sequence: 6n, places: [second, third] });
});

it('accepts no other log, under no number', () => {
  castVote(store, ballot);
  const [first, second] = ballot.places;
  const conflict = expect.objectContaining({ code: 'conflict' });
  const other = [first!, { ...second!, hash: bytes(32, 9), replyId: bytes(16, 9) }];
  expect(() => assertOneLog(store, ballot.validator, other)).toThrow(conflict);
  expect(() => castVote(store, { ...ballot, sequence: 6n, places: other })).toThrow(conflict);
});

it('tells which entries of a log were signed', () => {
  castVote(store, ballot);
  const [first, second] = ballot.places;
  const another = { ...second!, hash: bytes(32, 9) };
  const later = { position: 3n, hash: bytes(32, 6) };
  expect(findSigned(store, ballot.validator, [first!, another, later])).toEqual(new Set([0n]));
  expect(findSigned(store, bytes(20, 8), [first!])).toEqual(new Set());
});

it('lets a reply stand at one place of the log', () => {
  castVote(store, ballot);
  const again = { position: 7n, hash: bytes(32, 9), replyId: bytes(16, 4) };
  expect(() => castVote(store, { ...ballot, sequence: 6n, places: [again] })).toThrow(
    'entry 7: the reply was signed at entry 1',
  );
});

it('knows the hash of each entry from the entry behind it', () => {
  const entries = [0n, 1n].map((index) => ({
    index,
    previousHash: bytes(32, Number(index)),
    replyId: bytes(16, Number(index)),
  }));
  expect(listPlaces(entries, { head: bytes(32, 2) })).toEqual([
    { position: 0n, hash: bytes(32, 1), replyId: bytes(16, 0) },
    { position: 1n, hash: bytes(32, 2), replyId: bytes(16, 1) },
  ]);
});

it('counts a reply for its validator alone, so an id of one blocks no batch of another', () => {
  castVote(store, ballot);
  const other = { ...ballot, validator: bytes(20, 8) };
  castVote(store, other);
  expect(readVote(store, other.validator, 5n)?.digest).toEqual(ballot.digest);
});

it('refuses a stored vote whose payers are no addresses', () => {
  castVote(store, ballot);
  store.database.exec("UPDATE cosigned SET uncollectable = x'0102'");
  expect(() => readVote(store, ballot.validator, 5n)).toThrow(/uncollectable of a database does not parse/);
});
