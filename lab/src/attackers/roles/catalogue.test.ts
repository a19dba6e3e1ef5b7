import { readFileSync } from 'node:fs';
import { checkRoleMachine } from '@ogong/attestation/role-check';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Check } from '@ogong/protocol/base/checks';
import { computeRoleNonce } from '@ogong/protocol/tier/attested-role';
import { showSoftwareRole } from '@ogong/testing/gateway/software-roles';
import { softwarePolicy } from '@ogong/testing/provider/software-machine';
import { beforeAll, describe, expect, it } from 'vitest';
import type { HonestRole } from './attack.ts';
import { ROLE_ATTACKS } from './catalogue.ts';

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const ledger = { chainId: 31_337n, verifyingContract: fill(7, 20) };

async function show(byte: number, epoch: bigint): Promise<HonestRole> {
  const beacon = { epoch, value: fill(Number(epoch)) };
  const keys = { role: 'router', ledger, nodeId: fill(byte), certHash: fill(byte + 1) } as const;
  const nonce = computeRoleNonce(crypto, { epoch, beacon: beacon.value, certHash: keys.certHash });
  return { beacon, shown: { ...keys, ...(await showSoftwareRole()(keys, nonce)) } };
}

const look = ({ shown, beacon }: HonestRole): Promise<Check> =>
  checkRoleMachine(shown, beacon, { crypto, policy: softwarePolicy, nowMs: Date.now() });

describe('lies about the machine of a router', () => {
  let honest: HonestRole;
  let others: { readonly other: HonestRole; readonly earlier: HonestRole };
  beforeAll(async () => {
    honest = await show(1, 9n);
    others = { other: await show(20, 9n), earlier: await show(1, 8n) };
  });

  it('are none where each shows its own, for its own epoch', async () => {
    for (const one of [honest, others.other, others.earlier]) expect((await look(one)).status).toBe('pass');
  });

  it.each(ROLE_ATTACKS.map((attack) => [attack.name, attack] as const))('%s is caught', async (_, attack) => {
    const { id, status, detail } = await look(attack.bend(honest, others));
    expect([id, status]).toEqual(['router-machine', 'fail']);
    expect(detail).toContain(`${attack.caughtBy}: `);
  });
});

it('names each lie once, and the page of threats has its row', () => {
  const names = ROLE_ATTACKS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const page = readFileSync(new URL('../../../../docs/threats.md', import.meta.url), 'utf8');
  for (const { name, adversary, aim, caughtBy } of ROLE_ATTACKS) {
    const row = page.split('\n').find((line) => line.includes(`\`${name}.ts\``));
    expect(row, name).toContain(`| ${adversary} | ${aim} |`);
    expect(row, name).toContain(`\`${caughtBy}\``);
  }
});
