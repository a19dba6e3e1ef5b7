import { ChainError } from '@ogong/chain/errors';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { nobleBls as bls } from '@ogong/protocol/crypto/noble-bls';
import { encodeQuorumMessage, type RosterMember, verifyQuorumSum } from '@ogong/protocol/settlement/quorum-sum';
import { createTestSigner, domain, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { decideThree } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { createRosterLife } from './roster-life.ts';

const SUM_BYTES = 288;
const all = ({ own, peers }: Four): TestValidator[] => [own, ...peers];

/** Four validators that sum what is more than one signature. */
async function createSumming({ named = true } = {}): Promise<Four> {
  const sums = { bls, above: 1, roster: domain };
  const four = await createFour((index) => ({ sums, signer: createTestSigner({ index, bls }).signer }));
  if (named) for (const { signer } of all(four)) four.chain.quorumKeys.set(toHex(signer.address), keyOf(signer));
  await decideThree(four);
  return four;
}

const keyOf = ({ quorumKey }: TestValidator['signer']): `0x${string}` => `0x${toHex(quorumKey as Uint8Array)}`;
const sizes = ({ chain }: Four) => chain.settled[0]?.quorum.map((one) => (one as Uint8Array).length);

describe('signatures that are summed', () => {
  it('go to the chain as one, which says who signed', async () => {
    const four = await createSumming();
    expect(await four.own.settlement.step()).toBe(true);
    expect(sizes(four)).toEqual([SUM_BYTES]);
    // The roster was taken on the way, in the order of the signing keys.
    const order = all(four)
      .map(({ member }) => member)
      .sort((a, b) => (toHex(a.signingKey) < toHex(b.signingKey) ? -1 : 1))
      .map(({ address }) => `0x${toHex(address)}`);
    expect(four.chain.roster.map(({ account }) => account)).toEqual(order);
    const [sum] = four.chain.settled.flatMap(({ quorum }) => quorum as Uint8Array[]) as [Uint8Array];
    const who = BigInt(`0x${toHex(sum.subarray(256))}`);
    expect(who.toString(2).replaceAll('0', '').length).toBeGreaterThanOrEqual(3);
  });

  it('names the key that they are under, once', async () => {
    const four = await createSumming({ named: false });
    expect(await four.own.settlement.step()).toBe(true);
    expect([...four.chain.quorumKeys]).toEqual([[toHex(four.own.signer.address), keyOf(four.own.signer)]]);
    // Nobody else has one: the signatures go one by one.
    expect(sizes(four)).toEqual([65, 65, 65]);
  });

  it('takes a roster though a voter has no signing key: that one stands first', async () => {
    const four = await createSumming();
    const mute = toHex((four.peers[2] as TestValidator).signer.address);
    four.chain.signingKeys.set(mute, new Uint8Array(20));
    four.chain.quorumKeys.delete(mute);
    four.offline.add(3);
    expect(await four.own.settlement.step()).toBe(true);
    const [first, ...rest] = four.chain.roster.map(({ account }) => account);
    expect(first).toBe(`0x${mute}`);
    expect(rest).toHaveLength(3);
    expect(sizes(four)).toEqual([SUM_BYTES]);
  });

  it('leaves out a share that is none, and goes one by one if the others do not suffice', async () => {
    const four = await createSumming();
    const [liar] = four.peers as [TestValidator];
    four.offline.add(3);
    four.chain.quorumKeys.set(toHex(liar.signer.address), keyOf(four.own.signer));
    expect(await four.own.settlement.step()).toBe(true);
    expect(sizes(four)).toEqual([65, 65, 65]);
  });

  it.each([
    ['there is no roster any more', { name: 'NoRoster', args: [] }],
    ['another roster is in force', { name: 'BadSum', args: [] }],
    ['it was mined and reverted', undefined],
  ])('goes one by one at once if %s', async (_what, revert) => {
    const four = await createSumming();
    const { settle } = four.chain;
    four.chain.settle = async (call) => {
      if (call.quorum.length > 1) return settle(call);
      four.chain.roster = [];
      throw new ChainError('reverted', 'not this sum', revert && { revert });
    };
    expect(await four.own.settlement.step()).toBe(true);
    expect(sizes(four)).toEqual([65, 65, 65]);
  });

  it('sends no sum again for what is not about it', async () => {
    const four = await createSumming();
    let tries = 0;
    four.chain.settle = async () => {
      tries++;
      throw new ChainError('rpc-unreachable', 'down');
    };
    await expect(four.own.settlement.step()).rejects.toThrow('down');
    expect(tries).toBe(1);
  });

  it('takes the form that carries more, if all signatures are needed', async () => {
    const four = await createSumming();
    const [first] = four.peers as [TestValidator];
    // Three shares, four signatures.
    four.chain.quorumKeys.delete(toHex(first.signer.address));
    const { settle } = four.chain;
    const sent: number[][] = [];
    four.chain.settle = async (call) => {
      sent.push(call.quorum.map((one) => (one as Uint8Array).length));
      if (call.quorum.length === 4) return settle(call);
      throw new ChainError('reverted', 'too little', { revert: { name: 'Unbacked', args: [] } });
    };
    expect(await four.own.settlement.step()).toBe(true);
    expect(sent.at(-1)).toEqual([65, 65, 65, 65]);
  });

  it('takes no new roster with each batch if rosters do not last', () => {
    const life = createRosterLife();
    const taken = Array.from({ length: 40 }, (_, i) => BigInt(i)).filter((sequence) => life.mayTake(sequence));
    expect(taken).toEqual([0n, 6n, 17n, 38n]);
    // The one of 38 lasts: the next is taken as soon as it is over.
    for (let sequence = 39n; sequence < 45n; sequence++) life.see(sequence);
    expect([life.mayTake(45n), life.mayTake(45n), life.mayTake(46n)]).toEqual([true, false, false]);
  });

  it('pays for one roster alone while somebody ends each of them', async () => {
    const four = await createSumming();
    let taken = 0;
    const { takeRoster } = four.chain;
    four.chain.takeRoster = async (accounts) => {
      taken++;
      await takeRoster(accounts);
    };
    four.chain.afterSettle = () => {
      four.chain.roster = [];
    };
    for (let number = 10; number < 13; number++) {
      expect(await four.own.settlement.step()).toBe(true);
      await four.own.deliver(number);
      await four.certifyAll();
      await four.own.runAudits();
    }
    expect(taken).toBe(1);
    expect(four.chain.settled.map(({ quorum }) => quorum.length)).toEqual([1, 3, 3]);
  });

  it('counts a vote without the keys that a vote can do without', async () => {
    const sums = { bls, above: 1, roster: domain };
    const fail = async () => Promise.reject(new Error('no such key'));
    const four = await createFour((index) => {
      const { signer } = createTestSigner({ index, bls });
      return { sums, signer: { ...signer, signHead: fail, signShare: fail } };
    });
    await decideThree(four);
    expect(await four.own.settlement.step()).toBe(true);
    expect(sizes(four)).toEqual([65, 65, 65]);
  });

  it('hold as the contract says, and no others', () => {
    const secrets = [11n, 12n, 13n, 14n];
    const digest = new Uint8Array(32).fill(7);
    const members: RosterMember[] = secrets.map((secret, i) => {
      return { address: new Uint8Array(20).fill(i + 1), stake: 100n, key: bls.deriveKey(secret) };
    });
    const shares = secrets.map((secret) => bls.sign(secret, encodeQuorumMessage(digest)));
    const signature = bls.combineSignatures(shares.slice(0, 3), [1n, 1n, 1n]) as Uint8Array;
    const check = (sum: { signature: Uint8Array; who: bigint }, of = members, over = digest) =>
      verifyQuorumSum(bls, { digest: over, members: of, sum });
    expect(check({ signature, who: 7n })).toEqual({ ok: true, signedStake: 300n, totalStake: 400n });
    expect(check({ signature, who: 15n }).ok).toBe(false);
    expect(check({ signature, who: 23n }).ok).toBe(false);
    expect(check({ signature, who: 0n }).ok).toBe(false);
    expect(check({ signature, who: 7n }, members, new Uint8Array(32)).ok).toBe(false);
    expect(
      check({ signature, who: 7n }, [{ ...(members[0] as RosterMember), key: undefined }, ...members.slice(1)]).ok,
    ).toBe(false);
    const two = bls.combineSignatures(shares.slice(0, 2), [1n, 1n]) as Uint8Array;
    expect(check({ signature: two, who: 3n })).toEqual({ ok: false, signedStake: 200n, totalStake: 400n });
    expect(check({ signature: fromHex('c0'.padEnd(192, '0')), who: 7n }).ok).toBe(false);
  });
});
