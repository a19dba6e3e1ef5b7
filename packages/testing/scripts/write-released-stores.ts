// Runs a small network and writes what its stores hold: once, when a release is made. The file stays as it is from then on.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { toHex } from '@ogong/protocol/base/bytes';
import {
  PRESENT_SCHEMAS,
  RELEASES,
  type ReleasedRows,
  releaseFile,
  type StoredRow,
  type StoredValue,
} from '../src/store/released-stores.ts';

const MODEL = 'ogong/verified/test/stories';
const STORIES = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
/** Of tables that no other one refers to. */
const MOST_ROWS = 2;
/** Of one value: rows are moved, not read, and a drift table alone has five megabytes. */
const MOST_BYTES = 256;

const directory = mkdtempSync(join(tmpdir(), 'ogong-release-'));
const { modelRoot: root } = await resolveModel(`file:${STORIES}`, { storeDir: directory });
const options: MeshOptions = {
  directory: join(directory, 'mesh'),
  model: { path: STORIES, id: MODEL, root },
  ...{ providers: 2, validators: 1, beacon: 'vrf' },
};
const mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
try {
  for (let n = 0; n < 2; n++) await askUntilSettled(mesh.plan.gatewayUrl);
  const places = {
    accounts: 'gateway/accounts.db',
    gateway: 'gateway/gateway.db',
    provider: 'provider-1/provider.db',
    router: 'router/router.db',
    signer: 'validator-1/signer.db',
    validator: 'validator-1/validator.db',
    verifier: 'verifier-1/verifier.db',
  } as const;
  const stores = Object.fromEntries(
    Object.entries(places).map(([name, place]) => [
      name,
      dump(join(mesh.plan.directory, place), PRESENT_SCHEMAS[name as keyof typeof places]),
    ]),
  );
  const file = releaseFile(RELEASES.at(-1) as string);
  writeFileSync(file, `${JSON.stringify(stores, null, 2)}\n`, { flag: 'wx' });
  process.stdout.write(`wrote ${fileURLToPath(file)}\n`);
} finally {
  await mesh.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function askUntilSettled(gatewayUrl: string): Promise<void> {
  const response = await fetch(`${gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, max_tokens: 4, messages: [{ role: 'user', content: 'Once' }] }),
  });
  const answer = (await response.json()) as { ogong?: { receipts: readonly [{ reply_id: string }] } };
  const id = answer.ogong?.receipts[0].reply_id;
  if (id === undefined) throw new Error(`no answer: ${JSON.stringify(answer)}`);
  for (;;) {
    const { state } = (await (await fetch(`${gatewayUrl}/public/replies/${id}`)).json()) as { state?: string };
    if (state === 'settled') return;
    await delay(1_000);
  }
}

function dump(path: string, schema: string): ReleasedRows {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    const names = tables.map(({ name }) => String(name));
    const rows = (name: string): StoredRow[] => {
      const isReferred = / REFERENCES /.test(schema) && isBound(schema, name);
      const all = database.prepare(`SELECT * FROM "${name}"${isReferred ? '' : ` LIMIT ${MOST_ROWS}`}`).all();
      return all.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, toStored(value)])));
    };
    return { schema, tables: Object.fromEntries(names.map((name) => [name, rows(name)])) };
  } finally {
    database.close();
  }
}

/** Whether rows of the table refer to others, or others to them. */
function isBound(schema: string, table: string): boolean {
  const own = schema.split(`CREATE TABLE ${table} (`)[1]?.split('STRICT')[0] ?? '';
  return own.includes(' REFERENCES ') || new RegExp(`REFERENCES ${table}\\b`).test(schema);
}

function toStored(value: unknown): StoredValue {
  if (value instanceof Uint8Array) return { hex: toHex(value.subarray(0, MOST_BYTES)) };
  if (typeof value === 'string') return value.slice(0, MOST_BYTES);
  return value as string | number | null;
}
