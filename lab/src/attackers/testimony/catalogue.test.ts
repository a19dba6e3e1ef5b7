import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { verifyTestimony } from '@ogong/attestation/testimony';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { systemClock as clock } from '@ogong/host/time/clock';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { testify } from '@ogong/provider/machine/testify';
import { TEST_AUTHORITY, TEST_SERVER_CERTIFICATES, TEST_SERVER_KEY } from '@ogong/testing/net/test-authority';
import { softwareMachine as attester, softwarePolicy as policy } from '@ogong/testing/provider/software-machine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HonestTestimony } from './attack.ts';
import { TESTIMONY_ATTACKS } from './catalogue.ts';

const server = createServer({ cert: TEST_SERVER_CERTIFICATES, key: TEST_SERVER_KEY }, (request, response) => {
  request.resume().on('end', () => response.end('{"choices":["theirs"]}'));
});
afterAll(() => void server.close());

const challenge = new Uint8Array(32).fill(3);
let honest: HonestTestimony;
let other: HonestTestimony;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat/completions`;
  const ask = async (question: string): Promise<HonestTestimony> => {
    const order = { method: 'POST', url, headers: {}, body: utf8Encode(question) } as const;
    const limits = { authorities: [TEST_AUTHORITY], maxResponseBytes: 1_000, timeoutMs: 30_000, challenge };
    const { testimony } = await testify(order, limits, { crypto, attester, clock });
    const root = toHex(crypto.sha256(new Uint8Array(new X509Certificate(TEST_AUTHORITY).raw)));
    return { testimony, reader: { crypto, policy, nowMs: Date.now(), authorities: [root], challenge } };
  };
  [honest, other] = [await ask('a question'), await ask('another question')];
});

const failedOf = async ({ testimony, reader }: HonestTestimony): Promise<string[]> =>
  (await verifyTestimony(testimony, reader)).checks.filter(({ status }) => status !== 'pass').map(({ id }) => id);

describe('lies about what a server answered', () => {
  it('are none where both exchanges are shown as they were', async () => {
    expect([await failedOf(honest), await failedOf(other)]).toEqual([[], []]);
  });

  it.each(TESTIMONY_ATTACKS.map((attack) => [attack.name, attack] as const))(
    '%s is caught by its check',
    async (_, attack) => {
      expect(await failedOf(attack.bend(honest, other))).toContain(attack.caughtBy);
    },
  );
});

it('names each lie once, and the page of threats has its row', () => {
  const names = TESTIMONY_ATTACKS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const page = readFileSync(new URL('../../../../docs/threats.md', import.meta.url), 'utf8');
  for (const { name, adversary, aim, caughtBy } of TESTIMONY_ATTACKS) {
    const row = page.split('\n').find((line) => line.includes(`\`${name}.ts\``));
    expect(row, name).toContain(`| ${adversary} | ${aim} |`);
    expect(row, name).toContain(`\`${caughtBy}\``);
  }
});
