import { checkReceiptRoles, type RoleReader } from '@ogong/attestation/role-check';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import {
  type AttestedRole,
  encodeRoleEvidence,
  parseRoleEvidence,
  type RoleKeys,
} from '@ogong/protocol/tier/attested-role';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { showSoftwareRole } from '@ogong/testing/gateway/software-roles';
import { softwarePolicy, strictPolicy } from '@ogong/testing/provider/software-machine';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

/**
 * One gateway with lying machines, and one with passing machines. A machine that passed is asked once in an epoch, and epochs do
 * not end here.
 */
let open: GatewayFixture;
let good: GatewayFixture;
beforeAll(async () => {
  const machines = { machinePolicy: softwarePolicy };
  [open, good] = await Promise.all([createGatewayFixture({ machines }), createGatewayFixture({ machines })]);
});
afterAll(async () => {
  await Promise.all([open.close(), good.close()]);
});

async function ask(attested?: readonly string[], { url } = open) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-ogong-receipt': 'inline' },
    body: JSON.stringify({
      model: FAKE_MODEL,
      messages: [{ role: 'user', content: 'hi' }],
      ...(attested && { ogong: { attested } }),
    }),
  });
  const body = (await response.json()) as {
    error?: { message: string; code: string };
    ogong?: { receipts: readonly { receipt: object }[] };
  };
  const shown = body.ogong?.receipts[0]?.receipt;
  const receipt = shown && parseReceipt(JSON.stringify(shown));
  return { status: response.status, error: body.error?.message, receipt };
}

const BOTH = ['router', 'validator'] as const;
const readerOf = (change: Partial<RoleReader> = {}): RoleReader => ({
  ...{ crypto, policy: softwarePolicy, nowMs: Date.now(), settlement: open.network.chain.network.settlement },
  ...change,
});
const failed = async (receipt: Receipt, change: Partial<RoleReader> = {}): Promise<string[]> =>
  (await checkReceiptRoles(receipt, readerOf(change)))
    .filter(({ status }) => status !== 'pass')
    .map(({ id, status }) => `${status} ${id}`);

describe('a request that demands attested roles', () => {
  const refusals: readonly [string, AttestedRole, (keys: RoleKeys, nonce: Uint8Array) => Partial<RoleKeys>][] = [
    ['a router whose machine vouches for another key', 'router', () => ({ nodeId: new Uint8Array(32) })],
    ['a router whose machine is of another certificate', 'router', () => ({ certHash: new Uint8Array(32) })],
    ['a router that shows what a validator says', 'router', () => ({ role: 'validator' })],
    [
      'a router of another network',
      'router',
      ({ ledger }) => ({ ledger: { ...ledger, verifyingContract: new Uint8Array(20) } }),
    ],
    ['validators whose machines vouch for other keys', 'validator', () => ({ nodeId: new Uint8Array(32) })],
  ];
  beforeEach(() => {
    open.network.orders.length = 0;
  });

  it('is refused with the reason where nobody shows a machine, and nothing is ordered', async () => {
    // Of validators it remembers that, until the next epoch.
    const silent = await createGatewayFixture({ machines: { machinePolicy: softwarePolicy } });
    try {
      for (const role of BOTH) {
        const { status, error } = await ask([role], silent);
        expect(status).toBe(503);
        expect(error).toContain(`the request demands an attested ${role}, and this ${role} shows no evidence`);
      }
      expect(silent.network.orders).toEqual([]);
      expect((await ask(undefined, silent)).status).toBe(200);
    } finally {
      await silent.close();
    }
  });

  it.each(refusals)('is refused by %s', async (_name, role, bend) => {
    open.network.showRole = showSoftwareRole((keys, nonce) => (keys.role === role ? bend(keys, nonce) : {}));
    const { status, error } = await ask([role]);
    expect(status).toBe(503);
    expect(error).toContain(`the request demands an attested ${role}, and report-data: the report names other keys`);
    expect(open.network.orders).toEqual([]);
  });

  it('is refused where evidence is of an earlier question', async () => {
    const stale = showSoftwareRole();
    open.network.showRole = (keys) => stale(keys, new Uint8Array(32).fill(1));
    const { error } = await ask(['router']);
    expect(error).toContain('another nonce');
  });

  it('is refused with words that are no roles', async () => {
    for (const words of [['provider'], ['router', 'router', 'router'], 'router'])
      expect((await ask(words as string[])).status).toBe(400);
  });

  it('is answered by those that do, and the receipt shows what they said', async () => {
    let asked = 0;
    const show = showSoftwareRole();
    good.network.showRole = (keys, nonce) => {
      asked++;
      return show(keys, nonce);
    };
    const { receipt, error } = await ask(BOTH, good);
    if (receipt === undefined) throw new Error(error);
    expect(await failed(receipt)).toEqual([]);
    const found = await checkReceiptRoles(receipt, readerOf());
    expect(found.map(({ id }) => id)).toEqual(['router-machine', 'validator-machine']);
    expect(found[0]?.detail).toContain('software: no hardware is proven');
    // Once in an epoch.
    const before = asked;
    expect(await failed((await ask(BOTH, good)).receipt as Receipt)).toEqual([]);
    expect(asked).toBe(before);

    // A reader of the receipt finds each lie of its maker.
    const bend = (role: AttestedRole, change: (bytes: Uint8Array) => Uint8Array): Receipt => {
      const evidence = new Map(receipt.evidence);
      evidence.set(`${role}-machine`, change(evidence.get(`${role}-machine`) as Uint8Array));
      return { ...receipt, evidence };
    };
    for (const role of BOTH) {
      const name = `fail ${role}-machine`;
      const flip = (bytes: Uint8Array): Uint8Array => {
        const part = parseRoleEvidence(bytes);
        return encodeRoleEvidence({ ...part, certHash: part.certHash.map((byte) => byte ^ 1) });
      };
      expect(await failed(bend(role, flip))).toEqual([name]);
      expect(await failed(bend(role, (bytes) => bytes.subarray(1)))).toEqual([name]);
    }
    const swapped = new Map([
      ['router-machine', receipt.evidence?.get('validator-machine') as Uint8Array],
      ['validator-machine', receipt.evidence?.get('router-machine') as Uint8Array],
    ]);
    expect(await failed({ ...receipt, evidence: swapped })).toEqual(['fail router-machine', 'fail validator-machine']);
    const { evidence: _, ...bare } = receipt;
    expect(await failed(bare)).toEqual([]);
    expect(await failed(bare, { demanded: ['router'] })).toEqual(['fail router-machine']);
    // Another epoch's beacon, production, a clock set back, and a reader who cannot know the beacon.
    expect(await failed(receipt, { settlement: new Uint8Array(20) })).toEqual([
      'fail router-machine',
      'fail validator-machine',
    ]);
    expect(await failed(receipt, { policy: strictPolicy })).toHaveLength(2);
    expect(await failed(receipt, { nowMs: Date.now() - 3_600_000 })).toHaveLength(2);
    expect(await failed(receipt, { settlement: undefined })).toEqual(['skip router-machine', 'skip validator-machine']);
    const other = { ...receipt, ticket: { ...receipt.ticket, publicKey: receipt.record.publicKey } };
    expect(await failed(other)).toEqual(['fail router-machine']);
  });
});

it('a gateway that demands an attested router for all asks for it whatever a request says', async () => {
  const strict = await createGatewayFixture({ machines: { demandedRoles: ['router'] } });
  try {
    strict.network.showRole = showSoftwareRole();
    const { status, error } = await ask(undefined, strict);
    expect(status).toBe(503);
    expect(error).toContain('this gateway has no policy for machines');
    expect(strict.network.orders).toEqual([]);
  } finally {
    await strict.close();
  }
});
