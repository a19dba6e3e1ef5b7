import { createRateLimiter } from '@ogong/host/link/token-bucket';
import { createKeyMachine } from '@ogong/protocol/beacon/threshold/key-machine';
import { type KeyPlan, subjectOf } from '@ogong/protocol/beacon/threshold/key-plan';
import { formCommittee } from '@ogong/protocol/beacon/threshold/members';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { fakeBls } from '@ogong/testing/protocol/fake-bls';
import { fakeSealedBox } from '@ogong/testing/protocol/fake-sealed-box';
import { network } from '@ogong/testing/validator/test-bench';
import { testCrypto } from '@ogong/testing/validator/test-crypto';
import { seedOf } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { createAccess, ratesOf, VALIDATOR_RATES } from './access.ts';

const service = 'ogong.v1.ValidatorService';
const member = new Uint8Array(32).fill(1);
const stranger = new Uint8Array(32).fill(2);

function create() {
  const findByCertHash = (hash: Uint8Array) => (hash[0] === 1 ? ({} as QuorumMember) : undefined);
  const grants = { has: (peer: Uint8Array) => peer[0] === 3 };
  const recallByCertHash = (hash: Uint8Array) => (hash[0] === 3 ? ({} as QuorumMember) : findByCertHash(hash));
  return { access: createAccess({ chain: { findByCertHash, recallByCertHash }, grants }) };
}

describe('access', () => {
  it.each(['DeliverBeacon', 'CosignBatch', 'SignAllotment', 'GetMembers'])(
    '%s is for registered validators',
    (method) => {
      const { access } = create();
      expect(access(member, `${service}/${method}`)).toBe(true);
      expect(access(stranger, `${service}/${method}`)).toBe(false);
    },
  );

  it('DeliverBeacon is for those too that left a little while ago, and nothing else is', () => {
    const { access } = create();
    const former = new Uint8Array(32).fill(3);
    expect(['DeliverBeacon', 'CosignBatch'].map((method) => access(former, `${service}/${method}`))).toEqual([
      true,
      false,
    ]);
  });

  it('ProveComplaint is for those who were asked for an opening', () => {
    const { access } = create();
    const asked = new Uint8Array(32).fill(3);
    const answers = [asked, stranger, member].map((peer) => access(peer, `${service}/ProveComplaint`));
    expect(answers).toEqual([true, false, false]);
  });

  it.each(['Admit', 'PushRecord', 'GetReply', 'ListVerdicts', 'GetBeacon', 'GetEmissionUnits'])(
    '%s is for everybody',
    (method) => {
      const { access } = create();
      for (let call = 0; call < 200; call++) expect(access(stranger, `${service}/${method}`)).toBe(true);
    },
  );

  /**
   * Messages that one of so many validators sends another during a key generation in which each complains about each
   * dealer at the same instant.
   */
  function countBeaconCalls(count: number): number {
    const members = Array.from({ length: count }, (_, i) => {
      const address = seedOf(`seat ${i}`).slice(0, 20);
      const boxKey = fakeSealedBox.deriveKey(seedOf(`box ${i}`));
      return { address, signingKey: address, stake: 10n, boxKey };
    });
    const seats = formCommittee(testCrypto, network, members);
    const plan: KeyPlan = {
      ...{ network, generation: 1, era: 1, attempt: 0, seats, startsAtMs: 0, phaseMs: 1_000, resendMs: 250 },
    };
    const [self, receiver] = seats.seats.map(({ address }) => address) as [Uint8Array, Uint8Array];
    const machine = createKeyMachine(plan, {
      ...{ crypto: { ...testCrypto, verifyAddress: () => true }, bls: fakeBls, box: fakeSealedBox, self },
      ...{ boxSecret: seedOf('box'), drawSeed: () => seedOf('seed') },
    });
    let calls = 0;
    for (const [complainer, { address }] of seats.seats.entries()) {
      for (let dealer = 0; dealer < count; dealer++) {
        const said = { kind: 'complaint', dealer, complainer, signature: new Uint8Array(65) } as const;
        const actions = machine.receive(address, { ...said, ...subjectOf(plan) }, 1_000);
        calls += actions.filter((action) => action.kind === 'send' && action.to === receiver).length;
      }
    }
    return calls;
  }

  it('has room for all complaints that 64 validators can make at once, and for no more than 128 can', () => {
    const takes = (validators: number, calls: number): boolean => {
      const rate = ratesOf(() => validators)[`${service}/DeliverBeacon`]!;
      return createRateLimiter(rate, { nowMs: () => 0 }).take('validator', calls);
    };
    const calls = countBeaconCalls(64);
    expect(calls).toBe(64 * 64);
    // Beside all else.
    expect([takes(64, calls + 1_000), takes(64, calls + 1_001), takes(4, calls)]).toEqual([true, false, false]);
    expect([takes(10_000, 128 * 128 + 1_000), takes(10_000, 128 * 128 + 1_001)]).toEqual([true, false]);
  });

  it('has rates for methods that there are', () => {
    const names = ValidatorService.methods.map(({ name }) => `${ValidatorService.typeName}/${name}`);
    for (const method of Object.keys(VALIDATOR_RATES)) expect(names).toContain(method);
  });
});
