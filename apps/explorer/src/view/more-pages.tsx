import type { NetworkState } from '../data/store.ts';
import { Drift } from './drift.tsx';
import { OverTime } from './over-time.tsx';
import { Penalties } from './penalties.tsx';

export interface MorePagesProps {
  readonly state: NetworkState;
  readonly page: 'time' | 'drift' | 'penalties';
  /** Row of the drift table. */
  readonly row: string | undefined;
}

/** Pages that most visitors do not open. Loaded by lazy-pages.tsx alone. */
export function MorePages({ state, page, row }: MorePagesProps) {
  if (page === 'time') return <OverTime state={state} />;
  if (page === 'drift') return <Drift state={state} {...(row && { row })} />;
  return <Penalties state={state} />;
}
