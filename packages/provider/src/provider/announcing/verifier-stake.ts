import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';

export interface StakeNoteDependencies {
  readonly clock: Clock;
  readonly chain: Pick<ChainView, 'parameters'>;
  /** Atomic units that weigh in draws of verifiers, as the chain has them now. */
  readonly readStake: () => Promise<bigint>;
  readonly warn: (stakes: { readonly asked: bigint; readonly staked: bigint }) => void;
}

/** The chain is asked no more often. */
const READ_MS = 60_000;

/** Says once that the network asks verifiers for more stake than a payee has: validators list none of its verifiers. */
export function createStakeNote({ clock, chain, readStake, warn }: StakeNoteDependencies): () => Promise<void> {
  let nextMs = 0;
  let warnedOf: bigint | undefined;
  return async () => {
    const asked = chain.parameters()?.limits.minimumVerifierStake ?? 0n;
    if (asked === 0n || clock.nowMs() < nextMs) return;
    nextMs = clock.nowMs() + READ_MS;
    const staked = await readStake();
    const isShort = staked < asked;
    if (isShort && warnedOf !== asked) warn({ asked, staked });
    warnedOf = isShort ? asked : undefined;
  };
}
