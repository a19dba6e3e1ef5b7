import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type VerifierEndorsement, verifyEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';

export interface EndorsementDependencies {
  readonly crypto: Crypto;
  /** Asks the verifier. */
  readonly ask: () => Promise<VerifierEndorsement>;
  readonly onError: (error: unknown) => void;
}

export type Endorsement = ReturnType<typeof createEndorsement>;

/** The word of the provider's own verifier for the provider's key; asked for until it is there, which one time does. */
export function createEndorsement(
  names: { readonly providerId: Uint8Array; readonly keyHash: Uint8Array },
  { crypto, ask, onError }: EndorsementDependencies,
) {
  let held: VerifierEndorsement | undefined;
  let asking: Promise<void> | undefined;

  async function fetch(): Promise<void> {
    const { verifierKey, signature } = await ask();
    if (!verifyEndorsement(crypto, { verifierKey, signature }, names)) {
      throw new Error('the verifier signs with another key than the one given, or for another provider');
    }
    held = { verifierKey, signature };
  }

  /** Never fails: a provider serves without its verifier. */
  function refresh(): Promise<void> {
    if (held) return Promise.resolve();
    asking ??= fetch()
      .catch(onError)
      .finally(() => {
        asking = undefined;
      });
    return asking;
  }

  return {
    refresh,
    /** What there is; where there is nothing it is asked for, and not waited for. */
    get(): VerifierEndorsement | undefined {
      if (held === undefined) void refresh();
      return held;
    },
  };
}
