import type { Store } from '@ogong/host/store/store';
import type { DrawKind } from '@ogong/protocol/audit/secret-draw';
import { encodeTestReport } from '@ogong/protocol/audit/test-report';
import { listTests } from '../store/test-store.ts';

/** Creates at most one report of each kind in an epoch, for any number of callers. */
export function createTestReporter(
  store: Store,
  reporter: { readonly chainId: bigint; readonly validator: Uint8Array },
): (kind: DrawKind, latest: bigint) => Uint8Array {
  const made = new Map<DrawKind, { readonly latest: bigint; readonly report: Uint8Array }>();
  return (kind, latest) => {
    const known = made.get(kind);
    if (known?.latest === latest) return known.report;
    const report = reportTests(store, kind, { ...reporter, latest });
    made.set(kind, { latest, report });
    return report;
  };
}

/**
 * Reports this validator's tests in the newest finished epochs. The running epoch is left out: its proof would reveal
 * the coming tests. So are epochs in which a test still runs.
 */
export function reportTests(
  store: Store,
  kind: DrawKind,
  { chainId, validator, latest }: { readonly chainId: bigint; readonly validator: Uint8Array; readonly latest: bigint },
): Uint8Array {
  const { draws, tests } = store.read(() => listTests(store, kind, latest - 2n));
  return encodeTestReport({ chainId, validator, kind, draws, tests });
}
