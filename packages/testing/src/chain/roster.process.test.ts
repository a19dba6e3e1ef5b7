import { settlementAbi } from '@ogong/chain/generated/abi';
import type { Hex } from '@ogong/chain/hex';
import { encodeQuorumSum } from '@ogong/chain/validators/roster';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { nobleBls as bls } from '@ogong/protocol/crypto/noble-bls';
import {
  encodeQuorumMessage,
  type QuorumSum,
  type RosterMember,
  sumShares,
  verifyQuorumSum,
} from '@ogong/protocol/settlement/quorum-sum';
import { encodeFunctionData } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepChainFresh } from './fresh-chain.ts';
import { createSummingValidators, takeRoster } from './measure-settlement.ts';
import { startTestLedger, type TestLedger, unit } from './test-ledger.ts';

const DIGEST: Hex = `0x${'cc'.repeat(32)}`;
/** Limits for a whole transaction. Without a roster each signer and the transaction itself cost 20,000. */
const MOST_SUM_GAS = 300_000n;

let ledger: TestLedger;
let members: Awaited<ReturnType<typeof createSummingValidators>> = [];

beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50 });
  members = await createSummingValidators(ledger, 4);
});
afterAll(() => ledger.stop());

const sumOf = (signers: readonly number[]): QuorumSum => {
  const message = encodeQuorumMessage(fromHex(DIGEST.slice(2)));
  const shares = members.map(({ secret }, i) => (signers.includes(i) ? bls.sign(secret, message) : undefined));
  return sumShares(bls, shares) as QuorumSum;
};

/** The contract's answer: the gas used, or the name of its error. */
async function ask(sum: QuorumSum): Promise<bigint | string> {
  const args = [DIGEST, [encodeQuorumSum(sum)]] as const;
  const data = encodeFunctionData({ abi: settlementAbi, functionName: 'requireQuorum', args });
  try {
    return await ledger.governor.transactor.read('quorum', (client) =>
      client.estimateGas({ to: ledger.deployment.settlement, data }),
    );
  } catch (error) {
    return (error as { revert?: { name: string } }).revert?.name ?? String(error);
  }
}

keepChainFresh(() => ledger);

describe('a roster on a chain', () => {
  it('can be recorded by anybody, and lists members with votes and keys', async () => {
    expect(await ledger.governor.rosterMembers()).toEqual([]);
    expect(await ask(sumOf([0, 1, 2]))).toBe('NoRoster');
    await takeRoster(ledger, members);
    expect(await ledger.governor.rosterMembers()).toEqual(
      members.map(({ address, key }) => ({ account: address, stake: 100n * unit, key: `0x${toHex(key)}` })),
    );
    const [first] = members;
    expect(await ledger.governor.quorumKeyOf(first?.address ?? '0x')).toBe(`0x${toHex(first?.key as Uint8Array)}`);
  });

  it('counts a sum as the protocol does, for every set of signers', async () => {
    await takeRoster(ledger, members);
    const roster: RosterMember[] = members.map(({ address, key }) => {
      return { address: fromHex(address.slice(2)), stake: 100n * unit, key };
    });
    const digest = fromHex(DIGEST.slice(2));
    for (const signers of [
      [0, 1, 2, 3],
      [1, 2, 3],
      [0, 2, 3],
      [0, 3],
    ]) {
      const sum = sumOf(signers);
      const { ok } = verifyQuorumSum(bls, { digest, members: roster, sum });
      const answer = await ask(sum);
      expect(ok).toBe(signers.length > 2);
      if (ok) expect(answer).toBeLessThan(MOST_SUM_GAS);
      else expect(answer).toBe('NoQuorum');
      const other = { ...sum, who: sum.who ^ 2n };
      expect(verifyQuorumSum(bls, { digest, members: roster, sum: other }).ok).toBe(false);
      expect(await ask(other)).toBe('BadSum');
    }
  });

  it('ends when a validator bonds more', async () => {
    await takeRoster(ledger, members);
    expect(await ledger.governor.rosterMembers()).toHaveLength(members.length);
    const [first] = members as [(typeof members)[number]];
    await ledger.governor.transfer(first.address, unit);
    await first.client.bond(unit);
    expect(await ledger.governor.rosterMembers()).toEqual([]);
    expect(await ask(sumOf([0, 1, 2, 3]))).toBe('NoRoster');
  });
});
