import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool } from '@ogong/host/link/link-pool';
import type { DialPolicy } from '@ogong/host/link/public-address';
import { monotonicClock } from '@ogong/host/time/clock';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { formatTokens } from '@ogong/protocol/base/amount';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Provider } from '../provider.ts';

export interface StartStatusOptions {
  readonly identity: LinkIdentity;
  /** As others dial the routes: a relay may be one that a router named. */
  readonly dialPolicy: DialPolicy;
  /** Pause between two tests while others reach the provider as before; after a change it is tested within a second. */
  readonly intervalMs: number;
  /** Unit of fees. */
  readonly unit: string;
}

export interface StartStatusDependencies {
  readonly provider: Pick<Provider, 'endpoint' | 'relays'>;
  readonly say: (line: string) => void;
  readonly readEarnings: () => Promise<{
    readonly held: bigint;
    readonly withdrawable: bigint;
    readonly paid: bigint;
  }>;
}

const TEST_TIMEOUT_MS = 5_000;
/** A relay takes a provider a moment after its start, and nobody should read for long that it does not. */
const LOOK_INTERVAL_MS = 1_000;

/** Says if others reach the provider, whether it answers there, and what it earned; again whenever one of these changes. */
export function createStartStatus(
  { identity, dialPolicy, intervalMs, unit }: StartStatusOptions,
  { provider, say, readEarnings }: StartStatusDependencies,
): Repeating {
  const said = new Map<string, string>();
  let testedAtMs = Number.NEGATIVE_INFINITY;

  function tell(topic: string, state: string, line = state): void {
    if (said.get(topic) === state) return;
    said.set(topic, state);
    say(line);
  }

  return createRepeating({ intervalMs: LOOK_INTERVAL_MS }, async () => {
    const address = describeAddress(provider);
    if (said.get('address') === address && monotonicClock.nowMs() < testedAtMs + intervalMs) return;
    tell('address', address);
    testedAtMs = monotonicClock.nowMs();
    const tested = await testReach(provider.endpoint(), { identity, dialPolicy });
    const works = 'a call to itself that way is answered';
    if (tested.ok) tell('test', works, `${works}, after ${tested.tookMs} ms`);
    else tell('test', `a call to itself that way fails: ${tested.problem}`);
    const earned = await readEarnings().then(
      ({ held, withdrawable, paid }) =>
        `earned: ${formatTokens(held)} ${unit} held, ${formatTokens(withdrawable)} to be had, ${formatTokens(paid)} paid`,
      () => 'its earnings cannot be read from the chain now',
    );
    tell('earnings', earned);
  });
}

function describeAddress(provider: StartStatusDependencies['provider']): string {
  const seen = provider
    .relays()
    .flatMap(({ isRegistered, at, seenAt }) =>
      isRegistered ? [`; the relay ${at} sees it at ${seenAt}`] : [`; the relay ${at} does not have it yet`],
    );
  return `others reach this provider at ${provider.endpoint()}${seen.join('')}`;
}

type ReachTest = { readonly ok: true; readonly tookMs: number } | { readonly ok: false; readonly problem: string };

/** The provider calls itself as others would, by the routes that it announces. */
async function testReach(
  endpoint: string,
  { identity, dialPolicy }: Pick<StartStatusOptions, 'identity' | 'dialPolicy'>,
): Promise<ReachTest> {
  const startedMs = monotonicClock.nowMs();
  const links = createLinkPool({ identity, dialPolicy });
  try {
    await links.to(ProviderService, { endpoint, certHash: identity.id }).getSealKey({}, { timeoutMs: TEST_TIMEOUT_MS });
    return { ok: true, tookMs: Math.ceil(monotonicClock.nowMs() - startedMs) };
  } catch (error) {
    return { ok: false, problem: (error as Error).message };
  } finally {
    links.close();
  }
}
