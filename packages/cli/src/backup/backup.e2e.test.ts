import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { assignPorts, countPorts, type MeshOptions } from '@ogong/devnet/mesh/mesh-plan';
import { resolveModel } from '@ogong/engine/resolve-model';
import { systemClock } from '@ogong/host/time/clock';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBackup, restoreBackup } from './backup-files.ts';

const STORIES = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const MODEL = 'ogong/verified/test/stories';
const patience = { timeout: 180_000, interval: 500 };

let directory: string;
let mesh: Mesh;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-backup-'));
  const { modelRoot: root } = await resolveModel(`file:${STORIES}`, { storeDir: directory });
  const options: MeshOptions = {
    directory: join(directory, 'mesh'),
    model: { path: STORIES, id: MODEL, root },
    ...{ providers: 2, validators: 2, beacon: 'vrf' },
    // The second provider is reached through it alone; the first one refuses orders for ten minutes once it is restored.
    relay: { providers: 1 },
    // A quorum takes both validators, so nothing settles without this signer.
    signers: 1,
  };
  mesh = await startMesh({ ...options, ports: assignPorts(await findFreePorts(countPorts(options)), options) });
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** @returns the reply's id; undefined if there was no answer. */
async function ask(): Promise<string | undefined> {
  try {
    const response = await fetch(`${mesh.plan.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, max_tokens: 8, messages: [{ role: 'user', content: 'Once' }] }),
    });
    const answer = (await response.json()) as { ogong?: { receipts: readonly [{ reply_id: string }] } };
    return answer.ogong?.receipts[0].reply_id;
  } catch {
    return undefined;
  }
}

async function askUntilAnswered(): Promise<string> {
  let id: string | undefined;
  await expect
    .poll(async () => {
      id = await ask();
      return id;
    }, patience)
    .toBeDefined();
  return id as string;
}

const readState = async (id: string): Promise<string | undefined> => {
  const response = await fetch(`${mesh.plan.gatewayUrl}/public/replies/${id}`);
  return ((await response.json()) as { state?: string }).state;
};

const dirOf = (name: string): string => mesh.plan.processes.find((one) => one.name === name)?.dataDir as string;
const copyOf = (name: string): string => join(directory, 'copies', name);

/** A disk that dies, and a backup that takes its place. */
function replaceDisk(name: string): void {
  renameSync(dirOf(name), `${dirOf(name)}.lost`);
  restoreBackup(copyOf(name), dirOf(name), systemClock.nowMs());
}

it('every role is backed up while it works, and those that may be are restored: the network goes on', async () => {
  const first = await askUntilAnswered();
  let isOver = false;
  const asking = (async () => {
    while (!isOver) await ask();
  })();
  const names = mesh.plan.processes.map(({ name }) => name);
  for (const name of names) {
    await createBackup({ dataDir: dirOf(name), to: copyOf(name), isFinal: false, nowMs: systemClock.nowMs() });
  }
  // Replies that the copies do not have.
  await askUntilAnswered();
  isOver = true;
  await asking;
  for (const name of ['router', 'relay', 'verifier-1', 'provider-1', 'gateway']) {
    await mesh.kill(name, 'SIGKILL');
    replaceDisk(name);
    await mesh.restart(name);
  }
  const later = await askUntilAnswered();
  for (const id of [first, later]) await expect.poll(() => readState(id), patience).toBe('settled');
  // Of the time before the copy it has everything.
  const receipt = await fetch(`${mesh.plan.gatewayUrl}/v1/receipts/${first}`);
  expect(receipt.status).toBe(200);
});

/** Restores a role that can be convicted by two conflicting statements. */
async function restoreLatest(name: string, stopWith: NodeJS.Signals): Promise<void> {
  await mesh.kill(name, stopWith);
  replaceDisk(name);
  await expect(mesh.restart(name)).rejects.toThrow('costs the bond');
  rmSync(dirOf(name), { recursive: true });
  renameSync(`${dirOf(name)}.lost`, dirOf(name));
  rmSync(copyOf(name), { recursive: true });
  await createBackup({ dataDir: dirOf(name), to: copyOf(name), isFinal: true, nowMs: systemClock.nowMs() });
  await expect(mesh.restart(name)).rejects.toThrow('was handed over to a backup');
  replaceDisk(name);
  await mesh.restart(name);
  const id = await askUntilAnswered();
  await expect.poll(() => readState(id), patience).toBe('settled');
}

it('a validator starts from its last state alone', () => restoreLatest('validator-1', 'SIGTERM'));

it("a validator's signer, a process of its own, starts from its last state alone, while its validator runs", async () => {
  const signed = (): number => {
    const store = new DatabaseSync(join(dirOf('signer-2'), 'signer.db'), { readOnly: true });
    const row = store.prepare('SELECT count(*) AS entries FROM log_places').get();
    store.close();
    return row?.entries as number;
  };
  const before = signed();
  await restoreLatest('signer-2', 'SIGKILL');
  // Its notes continue, and include the reply that has settled since.
  expect(signed()).toBeGreaterThan(before);
});
