import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type VerifierEndorsement, verifyEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';

export interface EndorsementDependencies {
  readonly crypto: Crypto;
  /** Asks the verifier. */
  readonly ask: () => Promise<VerifierEndorsement>;
  readonly onError: (error: unknown) => void;
}

export type Endorsement = ReturnType<typeof createEndorsement>;

/** The endorsement of the provider's key by its own verifier. It is requested until it arrives once. */
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
    /** The endorsement, if there is one. If not, it is requested, but this does not wait for it. */
    get(): VerifierEndorsement | undefined {
      if (held === undefined) void refresh();
      return held;
    },
  };
}
