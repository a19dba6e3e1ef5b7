import { parseAttestation } from '@ogong/protocol/tier/attestation';
import { createSoftwareMachine, softwarePolicy, strictPolicy } from '@ogong/testing/provider/software-machine';
import {
  type BenchOptions,
  createTestValidator,
  ledger,
  payer,
  provider,
  providerId,
} from '@ogong/testing/validator/test-bench';
import { createTestOrder } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';

const MODEL = 'ogong/tee/test/synthetic';
const machine = createSoftwareMachine(ledger, providerId);

/** A reply of tier tee, admitted, and what its machine says about it. */
async function serve(
  machinePolicy?: BenchOptions['machinePolicy'],
  index = 0,
  more: Pick<BenchOptions, 'findMachineProblem'> = {},
) {
  const validator = createTestValidator({ ...more, ...(machinePolicy && { machinePolicy }) });
  const order = createTestOrder({
    ...{ payer, ledger, provider, validator: validator.signer.address, index, model: MODEL },
    ...{ epoch: validator.archive.latest().epoch, expiresAtMs: validator.clock.nowMs() + 120_000 },
  });
  await validator.intake.admit(order);
  const { submission } = validator.serve(order, {
    bend: { header: (header) => ({ ...header, tier: 'tee', method: 'attested-replay' }) },
  });
  const { record } = submission.record;
  const attestation = await machine.attest({ order: order.order, record });
  return { validator, submission, attestation, replyId: order.fields.replyId };
}

describe('a record of tier tee', () => {
  it('is taken in beside evidence that was made for its order', async () => {
    const { validator, submission, attestation, replyId } = await serve(softwarePolicy);
    await validator.intake.pushRecord({ ...submission, attestation });
    expect(validator.find(replyId).state).toBe('recorded');
  });

  it('is not taken in where the registry has no such machine', async () => {
    const asked: unknown[] = [];
    const findMachineProblem: BenchOptions['findMachineProblem'] = async (id, key) => {
      asked.push(id, key);
      return 'no machine of this provider is entered';
    };
    const { validator, submission, attestation, replyId } = await serve(softwarePolicy, 0, { findMachineProblem });
    await expect(validator.intake.pushRecord({ ...submission, attestation })).rejects.toThrow('registry: no machine');
    expect(asked).toEqual([providerId, parseAttestation(attestation).attestedKey]);
    expect(validator.find(replyId).state).toBe('admitted');
  });

  it.each<
    [what: string, policy: BenchOptions['machinePolicy'], attestation: 'own' | 'none' | 'of another', why: RegExp]
  >([
    ['without evidence', softwarePolicy, 'none', /machine: .*cannot be read/],
    ['with the evidence of another reply', softwarePolicy, 'of another', /machine: attested-reply/],
    ['whose machine the policy does not take', strictPolicy, 'own', /machine: .*no hardware is proven/],
    ['at a validator without a policy', undefined, 'own', /machine: .*no policy/],
  ])('%s is not taken in, and so never settled', async (_what, policy, which, why) => {
    const { validator, submission, replyId, ...own } = await serve(policy);
    const attestation = {
      own: own.attestation,
      none: new Uint8Array(),
      'of another': (await serve(policy, 1)).attestation,
    };
    const pushed = validator.intake.pushRecord({ ...submission, attestation: attestation[which] });
    await expect(pushed).rejects.toThrow(why);
    expect(validator.find(replyId).state).toBe('admitted');
  });
});
