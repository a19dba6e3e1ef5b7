import { createHash } from 'node:crypto';
import { StoreError } from '@ogong/host/store/store-error';
import type pg from 'pg';
import { type PostgresOptions, withTransaction } from './postgres-connection.ts';
import { lock } from './postgres-locks.ts';
import { toPostgresSchema } from './postgres-schema.ts';
import { moveTables } from './postgres-upgrade.ts';

/** Returns the SQL of a schema without its layout. */
export const nameSchema = (schema: string): string =>
  createHash('sha256').update(schema.replace(/\s+/g, ' ').trim()).digest('hex').slice(0, 16);

export async function prepareDatabase(
  pool: pg.Pool,
  path: string,
  { schema, facts = {}, upgrades = [] }: PostgresOptions,
): Promise<void> {
  const version = nameSchema(schema);
  await withTransaction(pool, `BEGIN; ${lock('schema')}`, async (client) => {
    await client.query('CREATE TABLE IF NOT EXISTS ogong_facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)');
    const { rows } = await client.query<{ name: string; value: string }>('SELECT name, value FROM ogong_facts');
    const known = new Map(rows.map(({ name, value }) => [name, value]));
    if (known.size === 0) await client.query(toPostgresSchema(schema));
    const upgrade = upgrades.find(({ from }) => from !== version && from === known.get('version'));
    if (upgrade) {
      await moveTables(client, { path, schema, upgrade });
      await client.query("UPDATE ogong_facts SET value = $1 WHERE name = 'version'", [version]);
      known.set('version', version);
    }
    for (const [name, value] of Object.entries({ version, ...facts })) {
      const found = known.get(name);
      if (found === undefined) await client.query('INSERT INTO ogong_facts VALUES ($1, $2)', [name, value]);
      else if (found !== value) throw explainOther(path, { name, found, value });
    }
  });
}

/**
 * A pool without connections does not notice an upgrade of the database. A program of the earlier version is refused when it
 * connects again. It waits for an upgrade that is under way.
 */
export async function assertVersion(client: pg.PoolClient, path: string, version: string): Promise<void> {
  await client.query(`BEGIN; ${lock('schema').replace('xact_lock', 'xact_lock_shared')}`);
  const { rows } = await client.query<{ value: string }>("SELECT value FROM ogong_facts WHERE name = 'version'");
  await client.query('COMMIT');
  const found = rows[0]?.value;
  if (found !== version) throw explainOther(path, { name: 'version', found: `${found}`, value: version });
}

function explainOther(
  path: string,
  { name, found, value }: { readonly name: string; readonly found: string; readonly value: string },
): StoreError {
  if (name === 'version')
    return new StoreError(
      'version',
      `the database ${path} was made by another version of this program: let that one settle open orders, then use another database`,
    );
  return new StoreError(
    'version',
    `the database ${path} belongs to the ${name} ${found}, and this gateway has the ${name} ${value}. ` +
      'Gateways with one database have the same ledger.key and the same network',
  );
}
