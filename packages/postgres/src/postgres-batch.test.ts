import { amount, columns, integer, text } from '@ogong/host/store/columns';
import { openStore, type Store } from '@ogong/host/store/store';
import { change, doWork, findAll, type StepResult, type Work } from '@ogong/host/store/work';
import {
  addRow,
  changeLater,
  dropRow,
  findRow,
  findTogether,
  keepRow,
  patchRow,
  putRow,
  type WorkStatement,
  type WorkTable,
} from '@ogong/host/store/work-rows';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runTogether, StatementError } from './postgres-batch.ts';

const SCHEMA = `
  CREATE TABLE money (owner TEXT NOT NULL, at INTEGER NOT NULL, held TEXT NOT NULL, word TEXT NOT NULL DEFAULT 'none',
    PRIMARY KEY (owner, at)) STRICT;
`;
const row = columns({ owner: text, at: integer, held: amount, word: text });
type MoneyRow = ReturnType<typeof row.read>;
const table: WorkTable<MoneyRow> = { name: 'money', key: ['owner', 'at'], row };
const shortRow = columns({ owner: text, at: integer, held: amount });
const short: WorkTable<ReturnType<typeof shortRow.read>> = { ...table, row: shortRow };

const STEPS = [
  'read',
  'readPart',
  'readAfter',
  'readShort',
  'put',
  'add',
  'addShort',
  'keep',
  'patch',
  'drop',
  'raw',
  'later',
  'look',
  'throw',
] as const;
interface Step {
  readonly kind: (typeof STEPS)[number];
  readonly owner: string;
  readonly at: number;
  readonly value: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...STEPS, 'read' as const, 'readPart' as const, 'put' as const, 'patch' as const),
  owner: fc.constantFrom('a', 'b'),
  at: fc.nat(2),
  value: fc.nat(9),
});

/** Runs the steps, and returns all that it read. If it reads another row, it writes another sum. */
function* play(steps: readonly Step[]): Work<string> {
  const seen: unknown[] = [];
  let sum = 0n;
  const note = (rows: readonly { readonly at: number; readonly held: bigint }[]): void => {
    const sorted = [...rows].sort((one, other) => one.at - other.at);
    seen.push(sorted.map((each) => Object.values(each).join()));
    for (const { held } of sorted) sum += held;
  };
  for (const { kind, owner, at, value } of steps) {
    const known =
      kind === 'put' || kind === 'add' || kind === 'addShort' ? yield* findRow(table, owner, at) : undefined;
    const whole = { owner, at, held: sum + BigInt(value), word: `${value}` };
    if (known && kind !== 'put') continue;
    if (kind === 'read') note([yield* findRow(table, owner, at)].filter((each) => each !== undefined));
    else if (kind === 'readPart') {
      const [some, others] = yield* findTogether<[MoneyRow, MoneyRow]>(
        { table, key: [owner] },
        { table, key: ['b', at] },
      );
      note(some);
      note(others);
    } else if (kind === 'readAfter') {
      const [some] = yield* findTogether<[MoneyRow]>({ table, key: [owner], after: at });
      note(some);
    } else if (kind === 'readShort') note([yield* findRow(short, owner, at)].filter((each) => each !== undefined));
    else if (kind === 'put') yield* putRow(table, whole);
    else if (kind === 'add') yield* addRow(table, whole);
    else if (kind === 'addShort') yield* addRow(short, { owner, at, held: whole.held });
    else if (kind === 'keep') yield* keepRow(table, whole);
    else if (kind === 'patch') yield* patchRow(table, [owner, at], { word: `patched ${value}` });
    else if (kind === 'drop') yield* dropRow(table, owner, at);
    else if (kind === 'raw')
      seen.push(yield* change('UPDATE money SET word = ? WHERE owner = ?', `raw ${value}`, owner));
    else if (kind === 'later') yield* changeLater('money', 'DELETE FROM money WHERE at = ? AND word <> ?', at, 'none');
    else if (kind === 'look') note(yield* findAll(row, `SELECT ${row.list} FROM money`));
    else throw new RangeError(`refused after ${seen.length}`);
  }
  return JSON.stringify(seen);
}

const open = (): Store => openStore(':memory:', { schema: SCHEMA });
const dump = (store: Store): unknown => store.prepare('SELECT * FROM money ORDER BY owner, at').all();

function createServer(store: Store) {
  let trips = 0;
  return {
    trips: () => trips,
    begin: async () => store.database.exec('BEGIN'),
    async send(statements: readonly WorkStatement[]): Promise<StepResult[]> {
      trips++;
      try {
        return statements.map(({ sql, parameters }) => {
          const statement = store.prepare(sql);
          if (statement.columns().length > 0)
            return { rows: statement.all(...parameters) as StepResult['rows'], changes: 0 };
          return { rows: [], changes: Number(statement.run(...parameters).changes) };
        });
      } catch (error) {
        throw new StatementError(error);
      }
    },
  };
}

/** Returns the state and the results of a store that runs one work after the other. Each that throws is undone alone. */
function runInTurn(store: Store, works: readonly (readonly Step[])[]): unknown[] {
  return works.map((steps) => {
    store.database.exec('SAVEPOINT one');
    try {
      const value = doWork(store, play(steps));
      store.database.exec('RELEASE one');
      return { value };
    } catch (error) {
      store.database.exec('ROLLBACK TO one; RELEASE one');
      return { error };
    }
  });
}

it('works that are done together read and leave what they would one after the other', async () => {
  const works = fc.array(fc.array(step, { maxLength: 6 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(works, async (given) => {
      const [plain, far] = [open(), open()];
      const expected = runInTurn(plain, given);
      const server = createServer(far);
      const { outcomes, writes } = await runTogether(
        given.map((steps) => () => play(steps)),
        server,
      );
      await server.send(writes);
      far.database.exec('COMMIT');
      expect(outcomes).toEqual(expected);
      expect(dump(far)).toEqual(dump(plain));
      plain.close();
      far.close();
    }),
    { numRuns: 400 },
  );
});

it('many works that change the same rows ask the database once, and write each row once', async () => {
  const store = open();
  const server = createServer(store);
  const works = Array.from(
    { length: 50 },
    (_, index) =>
      function* (): Work<void> {
        const [[mine], all] = yield* findTogether<[MoneyRow, MoneyRow]>(
          { table, key: ['a', 1] },
          { table, key: ['a'] },
        );
        expect(all.length).toBe(index === 0 ? 0 : 1);
        yield* putRow(table, { owner: 'a', at: 1, held: (mine?.held ?? 0n) + 1n, word: '' });
      },
  );
  const { writes } = await runTogether(works, server);
  expect(server.trips()).toBe(1);
  expect(writes).toHaveLength(1);
  await server.send(writes);
  expect(dump(store)).toMatchObject([{ held: '50' }]);
  store.close();
});

it('a statement that fails ends them all', async () => {
  const store = open();
  const broken = function* (): Work<number> {
    return yield* change('UPDATE nothing SET a = 1');
  };
  await expect(runTogether([broken], createServer(store))).rejects.toThrow(StatementError);
  store.close();
});
