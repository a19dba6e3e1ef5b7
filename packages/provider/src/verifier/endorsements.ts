import type { Clock } from '@ogong/host/time/clock';
import { compareBytes, equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { KEY_STATEMENT_LIFETIME_MS, KEY_WORD_RENEWAL_MS } from '@ogong/protocol/exchange/limits';
import {
  type EndorsementTerms,
  signEndorsement,
  type VerifierEndorsement,
} from '@ogong/protocol/exchange/verifier-endorsement';
import { isExactClass } from '@ogong/protocol/tier/exact-class';

interface EndorsementDependencies {
  readonly clock: Clock;
  readonly signer: HybridSigner;
  /** Lists the engines that the verifier has now. */
  readonly listEngines: () => readonly EndorsedEngine[];
}

/** An engine, as far as it is named to others. */
export interface EndorsedEngine {
  info(): { readonly modelRoot: Uint8Array; readonly numericClass: string; readonly exact: boolean };
}

export type FindEndorsement = (providerId: Uint8Array) => VerifierEndorsement | undefined;

/**
 * Creates this verifier's signed endorsements of the providers that its operator named. Each says how long the verifier works for
 * that provider, and in which classes. Anybody may ask for it, so it is signed once a day, and again if the models change.
 */
export function createEndorsements(
  providers: readonly Uint8Array[],
  { clock, signer, listEngines }: EndorsementDependencies,
): FindEndorsement {
  const ids = new Set(providers.map(toHex));
  const signed = new Map<
    string,
    { readonly atMs: number; readonly roots: string; readonly endorsement: VerifierEndorsement }
  >();
  return (providerId) => {
    const name = toHex(providerId);
    if (!ids.has(name)) return undefined;
    const nowMs = clock.nowMs();
    const known = signed.get(name);
    const classes = listClasses(listEngines());
    const roots = classes.map(({ modelRoot }) => toHex(modelRoot)).join();
    const isCurrent = known !== undefined && nowMs >= known.atMs && nowMs - known.atMs < KEY_WORD_RENEWAL_MS;
    if (isCurrent && known.roots === roots) return known.endorsement;
    const validUntilMs = nowMs + KEY_STATEMENT_LIFETIME_MS;
    const endorsement = signEndorsement(signer, { providerId, validUntilMs, classes });
    signed.set(name, { atMs: nowMs, roots, endorsement });
    return endorsement;
  };
}

/** Lists each model once, ascending by root. */
function listClasses(engines: readonly EndorsedEngine[]): EndorsementTerms['classes'] {
  const classes = engines.map((engine) => {
    const { modelRoot, numericClass, exact } = engine.info();
    // A verifier that endorses an exact class has to repeat replies of it to the bit.
    return { modelRoot, numericClass: isExactClass(numericClass) && !exact ? '' : numericClass };
  });
  return classes
    .filter((one, i) => classes.findIndex(({ modelRoot }) => equalBytes(modelRoot, one.modelRoot)) === i)
    .sort((a, b) => compareBytes(a.modelRoot, b.modelRoot));
}
