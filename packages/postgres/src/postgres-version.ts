import { createHash } from 'node:crypto';
import { StoreError } from '@ogong/host/store/store-error';
import type pg from 'pg';
import { nameConnections, type PostgresOptions, withTransaction } from './postgres-connection.ts';
import { createLockStatements } from './postgres-locks.ts';
import { toPostgresSchema } from './postgres-schema.ts';
import { moveTables } from './postgres-upgrade.ts';

/** Returns the SQL of a schema without its layout. */
export const nameSchema = (schema: string): string =>
  createHash('sha256').update(schema.replace(/\s+/g, ' ').trim()).digest('hex').slice(0, 16);

export async function prepareDatabase(pool: pg.Pool, path: string, options: PostgresOptions): Promise<void> {
  const { schema, namespace, facts = {}, upgrades = [] } = options;
  const version = nameSchema(schema);
  const connections = nameConnections(options);
  const { take } = createLockStatements(connections);
  await withTransaction(pool, `BEGIN; ${take('schema')}`, async (client) => {
    if (namespace !== undefined) await client.query(`CREATE SCHEMA IF NOT EXISTS ${namespace}`);
    await client.query('CREATE TABLE IF NOT EXISTS ogong_facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)');
    const { rows } = await client.query<{ name: string; value: string }>('SELECT name, value FROM ogong_facts');
    const known = new Map(rows.map(({ name, value }) => [name, value]));
    if (known.size === 0) await client.query(toPostgresSchema(schema));
    const upgrade = upgrades.find(({ from }) => from !== version && from === known.get('version'));
    if (upgrade) {
      await moveTables(client, { path, schema, upgrade, connections });
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
export async function assertVersion(
  client: pg.PoolClient,
  path: string,
  options: Pick<PostgresOptions, 'schema' | 'namespace'>,
): Promise<void> {
  const version = nameSchema(options.schema);
  await client.query(`BEGIN; ${createLockStatements(nameConnections(options)).share('schema')}`);
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
      `the database ${path} was made by another version of this program: let that one end its work, then use another database`,
    );
  return new StoreError(
    'version',
    `the database ${path} belongs to the ${name} ${found}, and this program has the ${name} ${value}. ` +
      'Programs with one database have the same keys and the same network',
  );
}
