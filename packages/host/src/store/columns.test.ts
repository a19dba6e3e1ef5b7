import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  addressText,
  amount,
  bigInteger,
  bytes,
  columns,
  flag,
  hexText,
  integer,
  mapped,
  named,
  numbers,
  oneOf,
  optional,
  optionalColumns,
  real,
  text,
} from './columns.ts';
import { openStore, type Store } from './store.ts';

// Without STRICT and without types: a column may hold anything.
const SCHEMA = `CREATE TABLE thing (
  id, size_bytes, epoch, fee, is_open, state, score, shares, note, hash, salt, report
)`;

const thing = columns({
  id: text,
  sizeBytes: integer,
  epoch: bigInteger,
  feeAtomic: named('fee', amount),
  isOpen: flag,
  state: oneOf(['open', 'closed']),
  score: real,
  shares: numbers,
  note: optional(text),
  hash: mapped(
    bytes,
    (value) => value.length,
    (length) => new Uint8Array(length),
  ),
  opened: optionalColumns({ salt: bytes, report: bytes }),
});

const full = {
  id: 'a',
  sizeBytes: 7,
  epoch: 2n ** 52n,
  feeAtomic: 2n ** 127n,
  isOpen: true,
  state: 'open' as const,
  score: 0.5,
  shares: [1, 2.5],
  note: 'x',
  hash: 3,
  opened: { salt: Uint8Array.of(1), report: Uint8Array.of(2, 3) },
};

const open = (): Store => openStore(':memory:', { schema: SCHEMA });
const select = (store: Store) => store.prepare(`SELECT ${thing.list} FROM thing WHERE id = ?`);

it('reads back its own rows, in our types', () => {
  const store = open();
  const empty = { ...full, id: 'b', isOpen: false, shares: [], note: undefined, hash: 0, opened: undefined };
  for (const each of [full, empty]) expect(thing.insert(store, 'INSERT INTO thing', each)).toBe(true);
  expect(thing.get(select(store), 'a')).toEqual(full);
  expect(thing.get(select(store), 'b')).toEqual(empty);
  expect(thing.get(select(store), 'c')).toBeUndefined();
  expect(thing.all(store.prepare('SELECT * FROM thing ORDER BY id'))).toEqual([full, empty]);
  expectTypeOf(thing.read).returns.toEqualTypeOf<{
    readonly id: string;
    readonly sizeBytes: number;
    readonly epoch: bigint;
    readonly feeAtomic: bigint;
    readonly isOpen: boolean;
    readonly state: 'open' | 'closed';
    readonly score: number;
    readonly shares: readonly number[];
    readonly note: string | undefined;
    readonly hash: number;
    readonly opened: { readonly salt: Uint8Array; readonly report: Uint8Array } | undefined;
  }>();
});

it('says whether a row was written', () => {
  const store = open();
  store.database.exec('CREATE UNIQUE INDEX one ON thing (id)');
  expect(thing.insert(store, 'INSERT INTO thing', full)).toBe(true);
  expect(thing.insert(store, 'INSERT OR IGNORE INTO thing', full)).toBe(false);
  expect(thing.insert(store, 'INSERT INTO thing', full, 'ON CONFLICT DO NOTHING')).toBe(false);
});

describe('refuses, as a damaged file,', () => {
  it.each([
    ['id', 1],
    ['id', null],
    ['size_bytes', 1.5],
    ['size_bytes', '7'],
    ['epoch', 'x'],
    ['fee', '1e9'],
    ['fee', 12],
    ['is_open', 2],
    ['state', 'ajar'],
    ['score', 'high'],
    ['shares', '[1, null]'],
    ['shares', '[1'],
    ['shares', '{}'],
    ['note', 5],
    ['hash', 'ff'],
    ['salt', null],
    ['report', null],
  ])('%s = %j', (name, value) => {
    const store = open();
    thing.insert(store, 'INSERT INTO thing', full);
    store.prepare(`UPDATE thing SET ${name} = ?`).run(value);
    const read = () => store.read(() => thing.all(store.prepare('SELECT * FROM thing')));
    expect(read).toThrow(expect.objectContaining({ code: 'corrupt', message: expect.stringContaining(name) }));
  });
});

it('refuses a value that its reader refuses', () => {
  const store = open();
  const json = columns({ note: mapped(text, (value): unknown => JSON.parse(value), JSON.stringify) });
  store.database.exec("INSERT INTO thing (note) VALUES ('{')");
  const read = () => json.get(store.prepare('SELECT note FROM thing'));
  expect(read).toThrow(expect.objectContaining({ code: 'corrupt', message: expect.stringContaining('note') }));
});

it.each([
  [hexText, '0x0aff', ['0x0aF0', '0a', '0xa', 5]],
  [addressText, `0x${'a0'.repeat(20)}`, [`0x${'A0'.repeat(20)}`, '0x0aff', null]],
])('reads hex in lower case alone', (column, good, bad) => {
  const store = open();
  const row = columns({ note: column });
  const write = (value: string | number | null) => store.prepare('INSERT INTO thing (note) VALUES (?)').run(value);
  write(good);
  expect(row.get(store.prepare('SELECT note FROM thing'))).toEqual({ note: good });
  for (const value of bad) {
    store.database.exec('DELETE FROM thing');
    write(value);
    expect(() => row.get(store.prepare('SELECT note FROM thing'))).toThrow(
      expect.objectContaining({ code: 'corrupt' }),
    );
  }
});

it('throws a bug if the query leaves a column out', () => {
  const store = open();
  thing.insert(store, 'INSERT INTO thing', full);
  expect(() => thing.all(store.prepare('SELECT id FROM thing'))).toThrow('does not select the column size_bytes');
});
