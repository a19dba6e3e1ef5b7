import { readFileSync } from 'node:fs';
import type { AttestedRecord } from '@ogong/attestation/machine-check';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { checkAttestedRecord } from '@ogong/testing/provider/attested-record';
import { createSoftwareMachine, softwarePolicy, TEE_MODEL_ID } from '@ogong/testing/provider/software-machine';
import { createTestValidator, ledger, payer, provider, providerId } from '@ogong/testing/validator/test-bench';
import { createTestOrder } from '@ogong/testing/validator/test-reply';
import { beforeAll, describe, expect, it } from 'vitest';
import { ATTESTATION_ATTACKS } from './catalogue.ts';

let honest: AttestedRecord;
let other: AttestedRecord;

beforeAll(async () => {
  const validator = createTestValidator();
  const machine = createSoftwareMachine(ledger, providerId, { provider });
  const serve = async (index: number): Promise<AttestedRecord> => {
    const order = createTestOrder({
      ...{ payer, ledger, provider, validator: validator.signer.address, index, model: TEE_MODEL_ID },
      ...{ epoch: validator.archive.latest().epoch, expiresAtMs: validator.clock.nowMs() + 120_000 },
    });
    const { record } = validator.serve(order).submission;
    const attestation = await machine.attest({ order: order.order, record: record.record });
    return { ledger, order: order.order, record, attestation, modelId: TEE_MODEL_ID };
  };
  [honest, other] = [await serve(0), await serve(1)];
});

const failedOf = async (held: AttestedRecord): Promise<string[]> =>
  (await checkAttestedRecord(held, { crypto, policy: softwarePolicy, nowMs: Date.now() }))
    .filter(({ status }) => status === 'fail')
    .map(({ id }) => id);

describe('lies about which reply a machine gave', () => {
  it('are none where each reply has its own', async () => {
    expect([await failedOf(honest), await failedOf(other)]).toEqual([[], []]);
  });

  it.each(ATTESTATION_ATTACKS.map((attack) => [attack.name, attack] as const))('%s is caught', async (_, attack) => {
    expect(await failedOf(attack.bend(honest, other))).toEqual(expect.arrayContaining([...attack.caughtBy]));
  });
});

it('names each lie once, and the page of threats has its row', () => {
  const page = readFileSync(new URL('../../../../docs/threats.md', import.meta.url), 'utf8');
  for (const { name, adversary, aim, caughtBy } of ATTESTATION_ATTACKS) {
    const row = page.split('\n').find((line) => line.includes(`\`${name}.ts\``));
    expect(row, name).toContain(`| ${adversary} | ${aim} |`);
    for (const id of caughtBy) expect(row, name).toContain(`\`${id}\``);
  }
});
