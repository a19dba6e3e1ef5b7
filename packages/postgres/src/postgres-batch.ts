import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { StepResult, Work, WorkStep } from '@ogong/host/store/work';
import {
  type RowQuery,
  type RowWrite,
  type TableShape,
  toQueryStatement,
  toWriteStatement,
  type WorkStatement,
} from '@ogong/host/store/work-rows';

/**
 * Sends statements at once, in their order.
 * @returns a result for each; an error for each that failed or follows a failed one.
 */
export type SendStatements = (statements: readonly WorkStatement[]) => Promise<readonly StepResult[]>;

export type WorkOutcome = { readonly value: unknown } | { readonly error: unknown };

type Row = Readonly<Record<string, SQLOutputValue>>;

const SAVEPOINT: WorkStatement = { sql: 'SAVEPOINT one_write', parameters: [] };
const UNDO: WorkStatement = { sql: 'ROLLBACK TO one_write', parameters: [] };

/**
 * Does many works within one transaction, each as if the one before had ended. No other transaction writes what they touch
 * meanwhile, so rows that were read stay known until the end. Writes are sent with the commit. Usually one query reads all rows
 * that they need, and one stores all that they wrote.
 * @param begin the first statement of the transaction.
 * @param send within the transaction.
 */
export async function runTogether(
  works: readonly (() => Work<unknown>)[],
  { begin, send }: { readonly begin: () => Promise<unknown>; readonly send: SendStatements },
): Promise<{ readonly outcomes: readonly WorkOutcome[]; readonly writes: readonly WorkStatement[] }> {
  const rows = createRowMemo();
  const writes = createWriteList();
  const started = works.map(startWork);
  // Their first queries are sent with the first statement.
  const first = started.flatMap((work) => ('next' in work && !work.next.done ? listQueries(work.next.value) : []));
  const asked = [...new Map(first.map((query) => [nameQuery(query), query])).values()];
  // Send the first reads together with the lock, also if there are none yet.
  const [, found] = await Promise.all([begin(), send(asked.map(toQueryStatement))]);
  for (const [index, query] of asked.entries()) rows.learn(query, (found[index] as StepResult).rows);

  const outcomes: WorkOutcome[] = [];
  for (const work of started) outcomes.push('error' in work ? work : await runOne(work, { rows, writes, send }));
  return { outcomes, writes: writes.take().map(toWriteStatement) };
}

type StartedWork =
  | { readonly error: unknown }
  | { readonly work: Work<unknown>; readonly next: IteratorResult<WorkStep, unknown> };

function startWork(create: () => Work<unknown>): StartedWork {
  try {
    const work = create();
    return { work, next: work.next() };
  } catch (error) {
    return { error };
  }
}

const listQueries = (step: WorkStep): readonly RowQuery<unknown>[] => ('queries' in step ? step.queries : []);

interface BatchState {
  readonly rows: RowMemo;
  readonly writes: WriteList;
  readonly send: SendStatements;
}

async function runOne(
  { work, next: first }: Exclude<StartedWork, { readonly error: unknown }>,
  { rows, writes, send }: BatchState,
): Promise<WorkOutcome> {
  const own = createWriteList();
  const undo: (() => void)[] = [];
  let isSaved = false;

  /** Returns the collected writes behind a savepoint, so that this work can be undone alone. */
  function flush(changesMore: boolean): WorkStatement[] {
    const [earlier, mine] = [writes.take(), own.take()].map((taken) => taken.map(toWriteStatement)) as [
      WorkStatement[],
      WorkStatement[],
    ];
    const isSaving = !isSaved && (changesMore || mine.length > 0);
    isSaved ||= isSaving;
    return [...earlier, ...(isSaving ? [SAVEPOINT] : []), ...mine];
  }

  async function ask(queries: readonly RowQuery<unknown>[]): Promise<StepResult> {
    const missing = queries.filter((query) => rows.find(query) === undefined);
    if (missing.length > 0) {
      const before = flush(false);
      const results = await send([...before, ...missing.map(toQueryStatement)]);
      for (const [index, query] of missing.entries())
        rows.learn(query, (results[before.length + index] as StepResult).rows);
    }
    return { rows: [], changes: 0, groups: queries.map((query) => rows.find(query) ?? []) };
  }

  async function run(statement: WorkStatement): Promise<StepResult> {
    const changesRows = !/^\s*SELECT\b/i.test(statement.sql);
    const before = flush(changesRows);
    const results = await send([...before, statement]);
    if (changesRows) rows.forget();
    return results[before.length] as StepResult;
  }

  function write(step: RowWrite): StepResult {
    own.add(step);
    undo.push(rows.note(step));
    return { rows: [], changes: 0 };
  }

  try {
    let next = first;
    while (!next.done) {
      const step = next.value;
      if ('queries' in step) next = work.next(await ask(step.queries));
      else next = work.next('kind' in step ? write(step) : await run(step));
    }
    writes.join(own.take());
    return { value: next.value };
  } catch (error) {
    if (error instanceof StatementError) throw error;
    if (isSaved) {
      await send([UNDO]);
      rows.forget();
    } else for (const step of undo.reverse()) step();
    return { error };
  }
}

/** A statement that failed ends the whole transaction. */
export class StatementError extends Error {
  constructor(cause: unknown) {
    super('a statement failed', { cause });
  }
}

interface RowMemo {
  /** @returns the known rows; undefined if they have to be queried. */
  find(query: RowQuery<unknown>): readonly Row[] | undefined;
  learn(query: RowQuery<unknown>, rows: readonly Row[]): void;
  /** Notes the effect of a write on the known rows. @returns a function that takes the effect back. */
  note(write: RowWrite): () => void;
  forget(): void;
}

/** The known rows of one table, by the columns of their queries. */
interface KnownTable {
  /** By its whole key; undefined where there is no such row. */
  readonly single: Map<string, Row | undefined>;
  /** By a part of the key, and of each the rows by their whole key. */
  readonly several: Map<string, { readonly query: RowQuery<unknown>; readonly rows: Map<string, Row> }>;
}

const nameKey = (key: readonly unknown[]): string => JSON.stringify(key);
const nameRows = ({ key, after }: RowQuery<unknown>): string => JSON.stringify([key, after]);
const nameQuery = (query: RowQuery<unknown>): string => nameTable(query.table) + nameRows(query);
const nameTable = ({ name, row }: TableShape): string => `${name} ${row.list} `;
const isWhole = ({ table, key }: RowQuery<unknown>): boolean => key.length === table.key.length;

/** Whether the query asks for the row with this key. */
function covers({ key, after }: RowQuery<unknown>, whole: readonly SQLInputValue[]): boolean {
  if (!key.every((value, index) => value === whole[index])) return false;
  return after === undefined || (whole[key.length] as number) > after;
}

/** Remembers rows as they are within the transaction. */
function createRowMemo(): RowMemo {
  const known = new Map<string, KnownTable>();

  return {
    find(query) {
      const table = known.get(nameTable(query.table));
      if (table === undefined) return undefined;
      if (!isWhole(query)) {
        const found = table.several.get(nameRows(query));
        return found && [...found.rows.values()];
      }
      const name = nameKey(query.key);
      if (table.single.has(name)) return listRow(table.single.get(name));
      for (const { query: other, rows } of table.several.values())
        if (covers(other, query.key)) return listRow(rows.get(name));
      return undefined;
    },
    learn(query, rows) {
      const name = nameTable(query.table);
      const table: KnownTable = known.get(name) ?? { single: new Map(), several: new Map() };
      known.set(name, table);
      if (isWhole(query)) {
        table.single.set(nameKey(query.key), rows[0]);
        return;
      }
      const keyOf = (row: Row): string => nameKey(query.table.key.map((column) => row[column]));
      table.several.set(nameRows(query), { query, rows: new Map(rows.map((row) => [keyOf(row), row])) });
    },
    note(write) {
      const undo: (() => void)[] = [];
      const begin = `${write.kind === 'later' ? write.table : write.table.name} `;
      for (const [name, table] of known) {
        if (!name.startsWith(begin)) continue;
        if (write.kind === 'later') {
          known.delete(name);
          undo.push(() => void known.set(name, table));
        } else noteRow(table, { write, isAlike: name === nameTable(write.table), undo });
      }
      return () => {
        for (const step of undo.reverse()) step();
      };
    },
    forget: () => known.clear(),
  };
}

const listRow = (row: Row | undefined): readonly Row[] => (row ? [row] : []);

type KeyedWrite = Exclude<RowWrite, { readonly kind: 'later' }>;

/** @param isAlike whether the write has the columns of the query. */
function noteRow(
  { single, several }: KnownTable,
  { write, isAlike, undo }: { readonly write: KeyedWrite; readonly isAlike: boolean; readonly undo: (() => void)[] },
): void {
  const key = keyOfWrite(write);
  const name = nameKey(key);
  // The resulting row is not always known here.
  const isKnown = write.kind === 'drop' || (isAlike && write.kind !== 'keep');
  const change = (row: Row | undefined): Row | undefined => {
    if (write.kind === 'drop') return undefined;
    if (write.kind === 'patch') return row && { ...row, ...(write.changes as Row) };
    return toRow(write.table, write.values);
  };
  if (single.has(name)) {
    const before = single.get(name);
    if (isKnown) single.set(name, change(before));
    else single.delete(name);
    undo.push(() => void single.set(name, before));
  }
  for (const [place, known] of several) {
    if (!covers(known.query, key)) continue;
    if (!isKnown) {
      several.delete(place);
      undo.push(() => void several.set(place, known));
      continue;
    }
    const before = known.rows.get(name);
    setRow(known.rows, name, change(before));
    undo.push(() => setRow(known.rows, name, before));
  }
}

function setRow(rows: Map<string, Row>, name: string, row: Row | undefined): void {
  if (row) rows.set(name, row);
  else rows.delete(name);
}

const toRow = (table: TableShape, values: readonly SQLInputValue[]): Row =>
  Object.fromEntries(table.row.names.map((column, index) => [column, values[index] as SQLOutputValue]));

function keyOfWrite(write: KeyedWrite): readonly SQLInputValue[] {
  if ('key' in write) return write.key;
  const { key, row } = write.table;
  return key.map((column) => write.values[row.names.indexOf(column)] as SQLInputValue);
}

interface WriteList {
  add(write: RowWrite): void;
  /** Adds later writes. */
  join(later: readonly RowWrite[]): void;
  /** Empties it. */
  take(): readonly RowWrite[];
}

/** Collects writes in their order. Repeated writes of one row become one. */
function createWriteList(): WriteList {
  let writes = new Map<string, RowWrite>();
  /** By table: the part for writes that cannot be joined with an earlier one. */
  const parts = new Map<string, number>();

  function add(write: RowWrite): void {
    const table = write.kind === 'later' ? write.table : write.table.name;
    const name = (): string =>
      `${table} ${parts.get(table) ?? 0} ${write.kind === 'later' ? '' : nameKey(keyOfWrite(write))}`;
    const earlier = writes.get(name());
    const joined = earlier && joinWrites(earlier, write);
    if (write.kind === 'later' || (earlier && !joined)) parts.set(table, (parts.get(table) ?? 0) + 1);
    writes.set(name(), joined ?? write);
    if (write.kind === 'later') parts.set(table, (parts.get(table) ?? 0) + 1);
  }

  return {
    add,
    join: (later) => later.forEach(add),
    take() {
      const taken = [...writes.values()];
      writes = new Map();
      return taken;
    },
  };
}

/** Joins two writes of one row into one; undefined if both are needed. */
function joinWrites(earlier: RowWrite, write: RowWrite): RowWrite | undefined {
  if (earlier.kind === 'patch' && write.kind === 'patch')
    return { ...earlier, changes: { ...earlier.changes, ...write.changes } };
  const arePuts = earlier.kind === 'put' && write.kind === 'put';
  return arePuts && earlier.table.row.list === write.table.row.list ? write : undefined;
}
