import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkPool } from '@ogong/host/link/link-pool';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type SignedValidatorSealKey, verifyValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';

/** Keys of validators that clients seal parts to. */
export interface KnownValidatorKeys {
  /** Returns the validator's signed key; undefined if it shows no valid one. Never fails. @param validator 20 bytes. */
  show(validator: Uint8Array): Promise<SignedValidatorSealKey | undefined>;
  /** Forgets a key that the validator no longer has, as after a restart. @param validator 20 bytes. */
  forget(validator: Uint8Array): void;
}

const TIMEOUT_MS = 2_000;
/** A reply may take as long as its order lasts. */
const LEAST_LEFT_MS = 15 * 60_000;
const ASKED_AGAIN_MS = 60_000;
/** A validator that restarts has another key. This gateway learns that only from a lost part, so it asks again after this time. */
const FORGOTTEN_AFTER_MS = 5 * 60_000;

export function createValidatorKeys({
  links,
  clock,
  chain,
  onError = () => {},
}: {
  readonly links: LinkPool;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly chain: Pick<ChainView, 'ledger' | 'findByAddress'>;
  readonly onError?: ((error: unknown) => void) | undefined;
}): KnownValidatorKeys {
  const { ledger } = chain;
  const known = new Map<
    string,
    { readonly shown: Promise<SignedValidatorSealKey | undefined>; readonly askedMs: number; untilMs: number }
  >();

  async function fetchKey(validator: Uint8Array): Promise<{ signed: SignedValidatorSealKey; untilMs: number }> {
    const member = chain.findByAddress(validator);
    if (member === undefined) throw new Error(`validator ${toHex(validator)} is not registered`);
    const answer = await links.to(ValidatorService, member).getSealKey({}, { timeoutMs: TIMEOUT_MS });
    const signed = { sealKey: answer.sealKey, signature: answer.signature };
    const { signingKey } = member;
    const nowMs = clock.nowMs();
    const key = verifyValidatorSealKey(crypto, signed, { ledger, validator, signingKey, nowMs });
    const untilMs = key.expiresAtMs - LEAST_LEFT_MS;
    // Validators show new keys long before. An expiring key would make each call of a client wait for another question.
    if (untilMs <= nowMs) throw new Error(`the seal key of validator ${toHex(validator)} ends before a reply may`);
    return { signed, untilMs };
  }

  return {
    show(validator) {
      const name = toHex(validator);
      const held = known.get(name);
      if (held !== undefined && held.untilMs > clock.nowMs()) return held.shown;
      const askedMs = clock.nowMs();
      const entry = {
        askedMs,
        // This holds while the question runs, and if the validator shows no key.
        untilMs: askedMs + ASKED_AGAIN_MS,
        shown: fetchKey(validator).then(
          ({ signed, untilMs }) => {
            entry.untilMs = Math.min(untilMs, askedMs + FORGOTTEN_AFTER_MS);
            return signed;
          },
          (error: unknown) => {
            onError(error);
            return undefined;
          },
        ),
      };
      known.set(name, entry);
      return entry.shown;
    },
    forget(validator) {
      const held = known.get(toHex(validator));
      // Clients name the key that they seal to. They must not cause more questions to a validator.
      if (held !== undefined) held.untilMs = Math.min(held.untilMs, held.askedMs + ASKED_AGAIN_MS);
    },
  };
}
