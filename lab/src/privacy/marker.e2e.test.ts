import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { QUICK_TIMINGS } from '@ogong/devnet/mesh/mesh-plan';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { createClient, fetchReceipt } from '@ogong/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readGateway, readReplyState } from '../bad-days/stores.ts';
import { startTestMesh, type TestMesh } from '../bad-days/test-mesh.ts';
import { waitUntil } from '../demo/polling.ts';
import type { AskedReply } from '../demo/run-record.ts';
import { findText } from './search-files.ts';
import { WIRE_TAP, wireTapEntry } from './wire-tap.ts';

const PROVIDERS = 2;
const PATIENCE_MS = 180_000;
const SEALED = 'The zebra Quixambre hid a turquoise umbrella.';
const BARE = 'The heron Vandobel lost a crimson lantern.';
const BLIND = 'The otter Zephirole buried an emerald spoon.';
/** So that a reply waits long enough for the beacon that decides about it to be searched for before. */
const TIMINGS = { ...QUICK_TIMINGS, epochMs: 10_000 };

let network: TestMesh;
let wire: string;

beforeAll(async () => {
  wire = mkdtempSync(join(tmpdir(), 'ogong-wire-'));
  network = await startTestMesh({
    ...{ providers: PROVIDERS, relay: { providers: PROVIDERS }, timings: TIMINGS },
    ...{ preloads: [wireTapEntry], environment: { [WIRE_TAP]: wire } },
  });
}, 240_000);
afterAll(async () => {
  await network?.stop();
  rmSync(wire, { recursive: true, force: true });
}, 120_000);

/** Asks until somebody answers. */
async function askUntilAnswered(prompt: string): Promise<AskedReply> {
  let reply: AskedReply | undefined;
  const isAnswered = async (): Promise<boolean> => {
    reply = await network.ask(prompt);
    return reply.receipts !== undefined;
  };
  expect(await waitUntil(isAnswered, PATIENCE_MS), reply?.error).toBe(true);
  return reply as AskedReply;
}

/** Who has a text in a directory: the names of the directories below it, each once. */
const holders = (directory: string, text: string, ending = ''): string[] => [
  ...new Set(
    findText(directory, text)
      .filter((path) => path.endsWith(ending))
      .map((path) => path.split(sep)[0] as string),
  ),
];

/** Who served a reply and who handled it, by the names of their daemons. */
const nameParties = ({ receipts }: AskedReply): Parties => nameOrder(receipts?.full);

interface Parties {
  readonly provider: string;
  readonly handler: string;
}

function nameOrder(receipt: Receipt | undefined): Parties {
  const order = parseOrder(receipt?.order.bytes ?? new Uint8Array());
  const validator = `0x${toHex(order.validator)}`;
  const provider = network.members.find(({ providerId }) => providerId === toHex(order.providerId))?.name;
  const handler = network.members.find(({ address }) => address === validator)?.name;
  return { provider: provider ?? 'nobody', handler: handler ?? 'nobody' };
}

/** A piece of the answer that no number or quotation mark of a format can have changed. */
const pickPiece = ({ response }: Pick<AskedReply, 'response'>): string => pickText(response);

const pickText = (response: Uint8Array): string => {
  const pieces = new TextDecoder().decode(response).match(/[A-Za-z ,.]{20,}/g) ?? [];
  return pieces.sort((a, b) => b.length - a.length)[0]?.slice(0, 40) ?? 'there was no answer to look for';
};

const isClosed = (): boolean =>
  readGateway(network.mesh.plan.directory).orders.every(({ state }) => state === 'closed');

const sizeOf = (directory: string): number =>
  readdirSync(directory).reduce((sum, name) => sum + readFileSync(join(directory, name)).length, 0);

describe('a prompt and its answer, in a network of processes', () => {
  it('are held by gateway, provider, handling validator and verifiers alone: on the wire, on disks and in logs', async () => {
    const reply = await askUntilAnswered(SEALED);
    // Judged and settled everywhere: by then everybody has seen what they ever see.
    expect(await waitUntil(async () => isClosed(), PATIENCE_MS)).toBe(true);
    const { provider, handler } = nameParties(reply);
    const piece = pickPiece(reply);
    const disks = network.mesh.plan.directory;

    // With TLS taken off. The verifiers were drawn by the beacon.
    const mayHear = /^(gateway|verifier-\d)$/;
    for (const text of [SEALED, piece]) {
      const heard = holders(wire, text).filter((name) => !mayHear.test(name));
      expect(heard.toSorted(), `wire: ${text}`).toEqual([provider, handler].toSorted());
      expect(holders(disks, text).toSorted(), `disks: ${text}`).toEqual(['gateway', provider, handler].toSorted());
    }
    // What came to the provider came sealed, so whoever had its TLS key saw nothing.
    expect(holders(wire, SEALED, '.in')).not.toContain(provider);
    expect(holders(wire, SEALED, '.in')).toContain('gateway');
    // The relay and the router were there, and what was kept of them is no empty file.
    for (const name of ['relay', 'router']) expect(sizeOf(join(wire, name)), name).toBeGreaterThan(5_000);
  }, 600_000);

  it('are held by their provider alone where the client seals, and by the handling validator once they are audited', async () => {
    const { plan } = network.mesh;
    const disks = plan.directory;
    const baseUrl = plan.gatewayUrl;
    // The validator's word for the record is waited for below.
    const client = createClient({ baseUrl, isSealed: true, trust: network.trust, allow: ['intake'] });
    const messages = [{ role: 'user', content: BLIND }];
    const asked = { model: network.model.id, messages, max_tokens: 64, temperature: 0 };
    const { replies } = await client.chat.completions.create(asked);
    const { receipt, replyId: id, response } = replies[0] as (typeof replies)[number];
    const { provider, handler } = nameOrder(receipt);
    const isTaken = async (): Promise<boolean> =>
      (await fetchReceipt({ baseUrl, id, compact: true })).receipt.intake !== undefined;
    expect(await waitUntil(isTaken, PATIENCE_MS)).toBe(true);
    const piece = pickText(response);
    for (const text of [BLIND, piece]) {
      expect(holders(disks, text), `disks: ${text}`).toEqual([provider]);
      expect(
        holders(wire, text).filter((name) => name !== provider),
        `wire: ${text}`,
      ).toEqual([]);
    }
    // Nobody could have audited it by then.
    expect(readReplyState(disks, handler, id)).toBe('recorded');
    for (const name of ['gateway', 'relay', 'router', handler]) {
      expect(sizeOf(join(wire, name)), name).toBeGreaterThan(5_000);
    }

    expect(await waitUntil(async () => isClosed(), PATIENCE_MS)).toBe(true);
    const mayHear = /^verifier-\d$/;
    for (const text of [BLIND, piece]) {
      expect(holders(disks, text).toSorted(), `disks: ${text}`).toEqual([provider, handler].toSorted());
      const heard = holders(wire, text).filter((name) => !mayHear.test(name));
      expect(heard.toSorted(), `wire: ${text}`).toEqual([provider, handler].toSorted());
    }
  }, 600_000);

  it('come to the provider in plain where nothing is sealed, so that this search can fail', async () => {
    process.env.OGONG_GATEWAY_SEAL = 'off';
    try {
      await network.mesh.restart('gateway');
      // An answer is enough: who sees what until it is settled was searched for above.
      const reply = await askUntilAnswered(BARE);
      const { provider } = nameParties(reply);
      expect(holders(wire, BARE, '.in')).toContain(provider);
      expect(holders(wire, pickPiece(reply), '.in')).toContain('gateway');
      // The relay copies links that are encrypted in any case, and the router is told hashes.
      expect(holders(wire, BARE)).not.toContain('relay');
      expect(holders(wire, BARE)).not.toContain('router');
    } finally {
      delete process.env.OGONG_GATEWAY_SEAL;
    }
  }, 600_000);
});
