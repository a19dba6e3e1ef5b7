import type { PublicClient } from 'viem';
import type { Deployment } from '../deployment.ts';
import { findBlockAt } from '../find-block.ts';
import { casesAbi, stakingAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, lowerHex, toAddress } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import type { Transactor } from '../transactor.ts';

/** Cases that were opened before are not looked for: no list of candidates waits so long for its signatures. */
const LONGEST_WAIT_S = 7n * 86_400n;
/** Offences that cost a stake: misrouting, a passed honeypot, a refuted report, a forged machine. The others cost the bond of a validator. */
const OFFENCES_OF_STAKES = [3, 4, 5, 6];
/** Twenty readings. Where more is missing it is first looked up where the seven days begin, which costs about as many. */
const BLOCKS_AT_ONCE = 20_000n;
/** Blocks under so many others are not read again: no reorganisation goes as deep. */
const BLOCKS_UNSETTLED = 1_000n;
/** The newest are kept. There is one a day at most of an account with a stake that a quorum or its own router's ticket convicts. */
const MOST_KEPT = 100_000;

interface CaseOfStake {
  readonly id: bigint;
  readonly accused: Address;
}

/**
 * Finds the cases against stakes by their events, once for all payees. Its cost grows with blocks alone. A validator can open cases against its
 * own bond by the thousand for next to nothing, but those match no event that is asked for.
 */
function createCaseFinder(deployment: Pick<Deployment, 'cases' | 'block'>) {
  const contract = { address: deployment.cases, abi: casesAbi } as const;
  const event = { ...contract, eventName: 'CaseOpened', strict: true, args: { offence: OFFENCES_OF_STAKES } } as const;
  let kept: CaseOfStake[] = [];
  let next = BigInt(deployment.block);
  let last: Promise<unknown> = Promise.resolve();

  async function readRanges(client: PublicClient, first: bigint, end: bigint): Promise<CaseOfStake[]> {
    const found = await Promise.all(
      [...listRanges(first, end)].map((range) => client.getContractEvents({ ...event, ...range })),
    );
    return found.flat().map(({ args }) => ({ id: args.id, accused: lowerHex(args.accused) }));
  }

  async function findNow(client: PublicClient, block: { number: bigint; timestamp: bigint }): Promise<CaseOfStake[]> {
    const settled = block.number - BLOCKS_UNSETTLED;
    if (settled - next > BLOCKS_AT_ONCE) next = await findBlockAt(client, block.timestamp - LONGEST_WAIT_S, next);
    while (next <= settled) {
      const most = next + BLOCKS_AT_ONCE - 1n;
      const end = most < settled ? most : settled;
      kept = [...kept, ...(await readRanges(client, next, end))].slice(-MOST_KEPT);
      // Kept part by part: a reading that fails, or that somebody gave up waiting for, is not begun anew.
      next = end + 1n;
    }
    return [...kept, ...(await readRanges(client, next, block.number))];
  }

  return (client: PublicClient, block: { number: bigint; timestamp: bigint }): Promise<CaseOfStake[]> => {
    // One after the other: those that come meanwhile find the blocks read.
    const found = last.then(() => findNow(client, block));
    last = found.catch(() => undefined);
    return found;
  };
}

/** Stakes for the verifiers of payees. Co-signers compare lists of candidates with them (docs/spec/candidate-lists.md). */
export function createBackingReads(
  { read }: Pick<Transactor, 'read'>,
  deployment: Pick<Deployment, 'staking' | 'cases' | 'block'>,
) {
  const staking = { address: deployment.staking, abi: stakingAbi } as const;
  const findCases = createCaseFinder(deployment);

  /** Sums the parts of a payee's stake that cases took and that a panel may still lift, or that nobody has closed. */
  async function readPending(client: PublicClient, payee: Address, block: { number: bigint; timestamp: bigint }) {
    const at = { address: deployment.cases, abi: casesAbi, blockNumber: block.number } as const;
    const count = await client.readContract({ ...at, functionName: 'caseCount' });
    if (count === 0n) return 0n;
    const found = await findCases(client, block);
    // A reorganisation may have taken the newest away.
    const ids = new Set(found.filter(({ id, accused }) => accused === payee && id < count).map(({ id }) => id));
    const cases = await Promise.all(
      [...ids].map((id) => client.readContract({ ...at, functionName: 'caseOf', args: [id] })),
    );
    let sum = 0n;
    for (const { accused, isOver, openedAt, amount } of cases) {
      const isLate = openedAt + LONGEST_WAIT_S < block.timestamp;
      if (accused.toLowerCase() === payee && !isOver && !isLate) sum += amount;
    }
    return sum;
  }

  return {
    /**
     * A payee's stake at the time of its penalties and cases, atomic units. It includes stake on its way out, and the parts that
     * penalties and cases have taken and still hold.
     * Held parts count for no more than the rest of the stake. A penalty restarts the appeal of all earlier ones, and held
     * amounts that nobody collects add up without end.
     * All values are of one block: a transfer between two readings would count twice, or not at all.
     */
    backingOf(payee: BytesLike): Promise<bigint> {
      const account = lowerHex(toAddress(payee, 'payee'));
      return read('the backing of a payee', async (client) => {
        const block = await client.getBlock();
        const at = { ...staking, blockNumber: block.number, args: [account] } as const;
        const [{ amount, leaving }, held] = await Promise.all([
          client.readContract({ ...at, functionName: 'stakingOf' }),
          client.readContract({ ...at, functionName: 'heldOf' }),
        ]);
        const left = amount + leaving;
        if (held.amount >= left) return 2n * left;
        const taken = held.amount + (await readPending(client, account, block));
        return left + (taken < left ? taken : left);
      });
    },
  };
}
