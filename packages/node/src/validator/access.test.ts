import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { createTestClock } from '@ogong/testing/validator/test-bench';
import { describe, expect, it } from 'vitest';
import { createAccess } from './access.ts';

const service = 'ogong.v1.ValidatorService';
const member = new Uint8Array(32).fill(1);
const stranger = new Uint8Array(32).fill(2);

function create() {
  const clock = createTestClock();
  const findByCertHash = (hash: Uint8Array) => (hash[0] === 1 ? ({} as QuorumMember) : undefined);
  const grants = { has: (peer: Uint8Array) => peer[0] === 3 };
  const recallByCertHash = (hash: Uint8Array) => (hash[0] === 3 ? ({} as QuorumMember) : findByCertHash(hash));
  return { clock, access: createAccess({ chain: { findByCertHash, recallByCertHash }, grants, clock }) };
}

describe('access', () => {
  it.each(['DeliverBeacon', 'CosignBatch'])('%s is for registered validators', (method) => {
    const { access } = create();
    expect(access(member, `${service}/${method}`)).toBe(true);
    expect(access(stranger, `${service}/${method}`)).toBe(false);
  });

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

  it.each(['Admit', 'PushRecord', 'GetReply', 'ListVerdicts', 'GetBeacon'])('%s is for everybody', (method) => {
    const { access } = create();
    for (let call = 0; call < 200; call++) expect(access(stranger, `${service}/${method}`)).toBe(true);
  });

  it.each([
    ['Complain', 50],
    ['Announce', 50],
    ['Acknowledge', 500],
  ] as const)('%s is counted per peer', (method, burst) => {
    const { clock, access } = create();
    for (let call = 0; call < burst; call++) expect(access(stranger, `${service}/${method}`)).toBe(true);
    expect(() => access(stranger, `${service}/${method}`)).toThrow('slow down');
    expect(access(member, `${service}/${method}`)).toBe(true);
    clock.advance(1_000);
    expect(access(stranger, `${service}/${method}`)).toBe(true);
  });
});
