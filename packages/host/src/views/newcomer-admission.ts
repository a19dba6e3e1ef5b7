import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { checkWorkEpoch, parseNewcomerWork, verifyNewcomerWork } from '@ogong/protocol/exchange/newcomer-work';
import { Refusal } from '../link/link-error.ts';
import type { Clock } from '../time/clock.ts';
import type { ChainView } from './chain-view.ts';

export interface NewcomerAdmissionDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly chain: Pick<ChainView, 'network' | 'parameters'>;
  /** The newest epoch that is known. */
  readonly latestEpoch: () => Promise<bigint>;
  /** Value of an epoch that has come; undefined if no peer knows it. */
  readonly findValue: (epoch: bigint) => Promise<Uint8Array | undefined>;
  /** Atomic units, on the chain now. @throws if it cannot be read. */
  readonly readStake: (payee: Uint8Array) => Promise<bigint>;
}

/** Lets keys in that announce themselves. @throws Refusal */
export type NewcomerAdmission = (
  key: { readonly providerId: Uint8Array; readonly payee: Uint8Array },
  work: Uint8Array,
) => Promise<void>;

/** Interval of reads of a stake. */
const STAKE_MS = 60_000;
const MAX_STAKES = 4_096;

/** Requires work from keys without stake if the network does so (docs/spec/newcomer-work.md). */
export function createNewcomerAdmission(dependencies: NewcomerAdmissionDependencies): NewcomerAdmission {
  const { clock, chain, readStake } = dependencies;
  const stakes = new Map<string, { readonly isStaked: boolean; readonly untilMs: number }>();

  async function isStaked(payee: Uint8Array): Promise<boolean> {
    const name = toHex(payee);
    const known = stakes.get(name);
    if (known !== undefined && clock.nowMs() < known.untilMs) return known.isStaked;
    const found = (await readStake(payee)) > 0n;
    stakes.delete(name);
    stakes.set(name, { isStaked: found, untilMs: clock.nowMs() + STAKE_MS });
    const [oldest] = stakes.keys();
    if (stakes.size > MAX_STAKES && oldest !== undefined) stakes.delete(oldest);
    return found;
  }

  return async ({ providerId, payee }, work) => {
    const terms = chain.parameters()?.work;
    if (terms === undefined || terms.bits === 0) return;
    const problem = await findProblem(dependencies, providerId, work);
    if (problem === undefined || (await isStaked(payee))) return;
    throw new Refusal(
      'precondition',
      `the payee has staked nothing, and this network then asks for work of ${terms.bits} bits: ${problem}`,
    );
  };
}

async function findProblem(
  { crypto, chain, latestEpoch, findValue }: NewcomerAdmissionDependencies,
  providerId: Uint8Array,
  work: Uint8Array,
): Promise<string | undefined> {
  const terms = chain.parameters()?.work;
  if (terms === undefined) return undefined;
  if (work.length === 0) return 'none is shown';
  const latest = await latestEpoch();
  const { chainId, settlement } = chain.network;
  const about = { chainId, settlement, providerId, terms, latest };
  // Others are asked only for the value of an epoch that may count.
  const isCurrent = isReadable(work) && checkWorkEpoch(parseNewcomerWork(work), terms, latest).status === 'pass';
  const beacon = isCurrent ? await findValue(parseNewcomerWork(work).epoch) : undefined;
  const { ok, checks } = verifyNewcomerWork(crypto, work, { ...about, beacon });
  return ok ? undefined : (checks.find(({ status }) => status === 'fail')?.detail ?? 'no check passed');
}

function isReadable(work: Uint8Array): boolean {
  try {
    parseNewcomerWork(work);
    return true;
  } catch {
    return false;
  }
}
