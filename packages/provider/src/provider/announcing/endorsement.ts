import type { Clock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_ANNOUNCEMENT_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import {
  parseEndorsement,
  type VerifierEndorsement,
  verifyEndorsement,
} from '@ogong/protocol/exchange/verifier-endorsement';

export interface EndorsementDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Asks the verifier. */
  readonly ask: () => Promise<VerifierEndorsement>;
  readonly onError: (error: unknown) => void;
}

/** A verifier that was started anew may compute in another class. */
const REFRESH_MS = 60_000;

export type Endorsement = ReturnType<typeof createEndorsement>;

/**
 * Reads the endorsement that the provider's own verifier signed for the provider's key. It is asked for until it comes, and again
 * every minute.
 */
export function createEndorsement(
  { providerId, keyHash }: { readonly providerId: Uint8Array; readonly keyHash: Uint8Array },
  { crypto, clock, ask, onError }: EndorsementDependencies,
) {
  let held: { readonly endorsement: VerifierEndorsement; readonly atMs: number } | undefined;
  let asking: Promise<void> | undefined;

  async function fetch(): Promise<void> {
    const { word, verifierKey, signature } = await ask();
    const endorsement = { word, verifierKey, signature };
    const atMs = clock.nowMs();
    const untilMs = atMs + MAX_ANNOUNCEMENT_LIFETIME_MS;
    if (!verifyEndorsement(crypto, endorsement, { providerId, keyHash, untilMs })) {
      throw new Error('the verifier signs with another key than the one given, for another provider, or too short');
    }
    held = { endorsement, atMs };
  }

  /** Never fails: a provider serves without its verifier. */
  function renew(): Promise<void> {
    asking ??= fetch()
      .catch(onError)
      .finally(() => {
        asking = undefined;
      });
    return asking;
  }

  const refresh = (): Promise<void> => (held && clock.nowMs() - held.atMs < REFRESH_MS ? Promise.resolve() : renew());

  return {
    refresh,
    /** Asks for it now, for a verifier whose models have changed. */
    renew,
    /** The endorsement, if there is one that holds. If not, it is requested, but this does not wait for it. */
    get(): VerifierEndorsement | undefined {
      void refresh();
      if (held === undefined) return undefined;
      const { validUntilMs } = parseEndorsement(held.endorsement.word);
      return validUntilMs >= clock.nowMs() + MAX_ANNOUNCEMENT_LIFETIME_MS ? held.endorsement : undefined;
    },
  };
}
