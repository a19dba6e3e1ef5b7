import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool, Peer } from '@ogong/host/link/link-pool';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type AttestedRole, nameSigningKey } from '@ogong/protocol/tier/attested-role';
import { showSoftwareRole } from '@ogong/testing/gateway/software-roles';
import { softwarePolicy } from '@ogong/testing/provider/software-machine';
import { describe, expect, it } from 'vitest';
import { createAttestedRoles } from './attested-roles.ts';

const ledger = { chainId: 1n, verifyingContract: new Uint8Array(20).fill(9) };
const ROUTER_KEY = new Uint8Array(64).fill(5);
type Named = Peer & { readonly endpoint: string };
const router: Named = { endpoint: 'router', certHash: new Uint8Array(32).fill(1) };
const validators = [2, 3].map((n) => ({
  ...{ address: new Uint8Array(20).fill(n), signingKey: new Uint8Array(20).fill(n), stake: 1n },
  ...{ endpoint: `validator-${n}`, certHash: new Uint8Array(32).fill(n) },
})) as unknown as readonly [QuorumMember & Named, QuorumMember & Named];
const never = new AbortController().signal;

/** Peers in software, and how often each was asked. @param answers what a peer does in place of answering. */
function open({
  routerKey = ROUTER_KEY,
  answers = {},
  policy = softwarePolicy,
}: {
  routerKey?: Uint8Array;
  answers?: Record<string, () => Promise<never>>;
  policy?: typeof softwarePolicy;
} = {}) {
  const asked: string[] = [];
  let epoch = 7n;
  const beacon = () => ({
    epoch,
    value: new Uint8Array(32),
    previous: new Uint8Array(32),
    certificate: new Uint8Array(),
  });
  const show = showSoftwareRole();
  const to = (_: unknown, { endpoint, certHash }: Named) => ({
    async getEvidence({ nonce }: { nonce: Uint8Array }) {
      asked.push(endpoint);
      await answers[endpoint]?.();
      const role: AttestedRole = endpoint === 'router' ? 'router' : 'validator';
      const member = validators.find((one) => one.endpoint === endpoint);
      const nodeId = member ? nameSigningKey(member.signingKey) : hashHybridKey(crypto, routerKey);
      return show({ role, ledger, nodeId, certHash }, nonce);
    },
  });
  const roles = createAttestedRoles({
    links: { to } as unknown as LinkPool,
    clock: { nowMs: () => Date.now() },
    ledger,
    beacon: { latest: beacon },
    policy,
  });
  const by = { router, routerKey: ROUTER_KEY, validator: validators[0] };
  return { roles, asked, by, beacon, endEpoch: () => epoch++ };
}

describe('the machines of roles', () => {
  it('are compared with the key of the ticket where the receipt is made', async () => {
    const good = open();
    expect([...(await good.roles.show(['router'], good.by, good.beacon(), never)).keys()]).toEqual(['router-machine']);
    const { roles, by, beacon } = open({ routerKey: new Uint8Array(64).fill(6) });
    await expect(roles.show(['router'], by, beacon(), never)).rejects.toThrow('another key than the ticket has');
  });

  it('are asked again once another list of images is in force', async () => {
    const images = softwarePolicy.images ?? [];
    let inForce: readonly string[] = images;
    const policy = {
      ...softwarePolicy,
      get images() {
        return inForce;
      },
    };
    const { roles, asked } = open({ policy });
    await roles.askRouter(router, never);
    await roles.askRouter(router, never);
    expect(asked).toHaveLength(1);
    inForce = [];
    await expect(roles.askRouter(router, never)).rejects.toThrow('is not allowed');
    inForce = images;
    await roles.askRouter(router, never);
    expect(asked).toHaveLength(3);
  });

  it('of a validator that has failed is not asked again before the next epoch', async () => {
    const gone = async () => Promise.reject(new LinkError('timeout', 'no answer'));
    const { roles, asked, endEpoch } = open({ answers: { 'validator-2': gone } });
    const pick = () => roles.pickValidator(validators[0], validators, never);
    expect([await pick(), await pick()]).toEqual([validators[1], validators[1]]);
    expect(asked).toEqual(['validator-2', 'validator-3']);
    endEpoch();
    await pick();
    expect(asked).toEqual(['validator-2', 'validator-3', 'validator-2', 'validator-3']);
  });

  it('are waited for no longer than the caller is there', async () => {
    const { roles } = open({ answers: { 'validator-2': () => new Promise(() => {}) } });
    const caller = new AbortController();
    const picked = roles.pickValidator(validators[0], validators, caller.signal);
    caller.abort(new Error('left'));
    await expect(picked).rejects.toThrow('left');
  });
});
