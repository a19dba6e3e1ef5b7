import type { DatabaseUpgrade } from '@ogong/host/store/releases';
import { StoreError } from '@ogong/host/store/store-error';
import type pg from 'pg';
import { toPostgresSchema } from './postgres-schema.ts';

/** Schema that holds the earlier tables until their rows are moved. */
const OLD = 'ogong_released';
/**
 * A program that has just stopped leaves database processes behind for a moment. The check is repeated for two seconds in all.
 */
const LOOKS = 21;
const LOOK_PAUSE_S = 0.1;
/** Table of facts about the database. It stays. */
const FACTS = 'ogong_facts';

/** Moves rows from the schema of an earlier release to the present one, within the caller's transaction. */
export interface TableMove {
  readonly path: string;
  readonly schema: string;
  readonly upgrade: DatabaseUpgrade;
  /** Name of the connections of all programs that share these tables. */
  readonly connections: string;
}

/**
 * Makes the present tables and moves the rows of the released ones into them, by the names of tables and columns. Nothing is left
 * out unless the upgrade names it. If it fails, everything stays as it was.
 * @throws StoreError if rows would be lost, or another program is connected.
 */
export async function moveTables(
  client: pg.PoolClient,
  { path, schema, upgrade, connections }: TableMove,
): Promise<void> {
  await assertAlone(client, { path, connections });
  const dropped = new Set(upgrade.drops ?? []);
  const here = (await client.query<{ name: string }>('SELECT current_schema() AS name')).rows[0]?.name ?? 'public';
  await client.query(`CREATE SCHEMA ${OLD}`);
  const before = await listTables(client, here);
  // Indexes, sequences and constraints move too, so that their names are free.
  for (const table of before) await client.query(`ALTER TABLE ${quote(table)} SET SCHEMA ${OLD}`);
  await client.query(toPostgresSchema(schema));
  const now = new Set(await listTables(client, here));
  for (const table of before) {
    if (now.has(table)) await moveTable(client, { path, here, table, dropped });
    else if (!dropped.has(table)) refuse(path, `the table ${table}`);
  }
  await client.query(`DROP SCHEMA ${OLD} CASCADE`);
}

async function moveTable(
  client: pg.PoolClient,
  { path, here, table, dropped }: { path: string; here: string; table: string; dropped: ReadonlySet<string> },
): Promise<void> {
  const now = new Set(await listColumns(client, here, table));
  const before = await listColumns(client, OLD, table);
  const kept = before.filter((column) => {
    if (!now.has(column) && !dropped.has(`${table}.${column}`)) refuse(path, `the column ${table}.${column}`);
    // `rowid` is numbered anew, in the same order.
    return now.has(column) && column !== 'rowid';
  });
  const columns = kept.map(quote).join(', ');
  const order = before.includes('rowid') ? ' ORDER BY rowid' : '';
  await client.query(`INSERT INTO ${quote(table)} (${columns}) SELECT ${columns} FROM ${OLD}.${quote(table)}${order}`);
  if (kept.includes('id')) await continueNumbers(client, table, `${OLD}.${quote(table)}`);
}

/** Continues the numbers after the highest one, also if its row is gone, so that none is used twice. */
async function continueNumbers(client: pg.PoolClient, table: string, old: string): Promise<void> {
  const [sequence, last] = await Promise.all([findSequence(client, quote(table)), findSequence(client, old)]);
  if (sequence === undefined || last === undefined) return;
  await client.query(`SELECT setval($1, s.last_value, s.is_called) FROM ${last} AS s`, [sequence]);
}

async function findSequence(client: pg.PoolClient, table: string): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string | null }>("SELECT pg_get_serial_sequence($1, 'id') AS name", [
    table,
  ]);
  return rows[0]?.name ?? undefined;
}

/** A program of the earlier version would go on writing to the earlier tables. */
async function assertAlone(
  client: pg.PoolClient,
  { path, connections }: Pick<TableMove, 'path' | 'connections'>,
): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) await client.query('SELECT pg_sleep($1), pg_stat_clear_snapshot()', [LOOK_PAUSE_S]);
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*) AS n FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()`,
      [connections],
    );
    if ((rows[0]?.n ?? 0) === 0) return;
  }
  throw new StoreError(
    'version',
    `the database ${path} was made by an earlier version and is in use: stop all programs that have it, then start one of this version`,
  );
}

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

async function listTables(client: pg.PoolClient, schema: string): Promise<string[]> {
  const sql = 'SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename <> $2 ORDER BY tablename';
  const { rows } = await client.query<{ tablename: string }>(sql, [schema, FACTS]);
  return rows.map(({ tablename }) => tablename);
}

async function listColumns(client: pg.PoolClient, schema: string, table: string): Promise<string[]> {
  const sql = `SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2
    ORDER BY ordinal_position`;
  const { rows } = await client.query<{ column_name: string }>(sql, [schema, table]);
  return rows.map(({ column_name: name }) => name);
}

function refuse(path: string, what: string): never {
  throw new StoreError('version', `the database ${path} cannot be upgraded: ${what} would be lost. It stays as it was`);
}
