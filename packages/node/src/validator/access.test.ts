import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describe, expect, it } from 'vitest';
import { createAccess, VALIDATOR_RATES } from './access.ts';

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

  it('has rates for methods that there are', () => {
    const names = ValidatorService.methods.map(({ name }) => `${ValidatorService.typeName}/${name}`);
    for (const method of Object.keys(VALIDATOR_RATES)) expect(names).toContain(method);
  });
});
