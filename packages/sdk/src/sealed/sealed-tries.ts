import { equalBytes } from '@ogong/protocol/base/bytes';
import type { FindModelRoots } from '@ogong/protocol/stage1/published-root';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { SealedDisclosure } from '@ogong/protocol/verdict/receipt/sealed-disclosure';
import { GatewayApiError, SealedCallError } from '../errors.ts';
import { askOffer, type CheckedOffer, type CheckMachine, type PostJson, type PrivateRequest } from './ask-offer.ts';

/** Providers whose replies did not open or failed their checks, the newest last. The gateway cannot know of them, so the client does. */
export type Distrusted = Uint8Array[];

export interface SealedTriesOptions {
  readonly post: PostJson;
  readonly trust?: Trust;
  readonly allow?: readonly string[];
  readonly findModelRoots?: FindModelRoots;
  readonly checkMachine?: CheckMachine | undefined;
  readonly distrusted: Distrusted;
  /** Receives the disclosure of each sealed reply, whole or broken off. */
  readonly onSealed?: ((disclosure: SealedDisclosure) => void) | undefined;
}

/** The providers that are asked for one reply, one after another. */
export interface SealedTries {
  /**
   * Gets an offer of a provider that has not failed.
   * @throws what a try before failed with if nobody else is left; SealedCallError, GatewayApiError
   */
  offer(): Promise<CheckedOffer>;
  /** The provider of the last offer failed: returns if another one may be asked, and throws the error otherwise. */
  fail(error: unknown, isFinal?: boolean): void;
  /** The provider of the last offer is not asked again by this client for a while. */
  distrust(): void;
  /** A whole answer failed its check. @returns whether another provider may be asked; if none is left, this error is thrown. */
  repeat(error: unknown): boolean;
}

/** With those that one request was tried with, as many as an offer may leave out. */
const MAX_DISTRUSTED = 5;
const MAX_TRIES = 3;
/** Failures that another provider may avoid. */
const TRIED_AGAIN: ReadonlySet<string | null> = new Set([
  'order_not_admitted',
  'provider_failed',
  'provider_ended',
  'provider_timeout',
  'provider_busy',
  'provider_unreachable',
  'request_refused',
  'seal_key_expired',
]);
const NOBODY: ReadonlySet<string | null> = new Set(['no_provider', 'request_too_large', 'model_not_found']);

export function createSealedTries(
  { post, trust = {}, allow = [], findModelRoots, checkMachine, distrusted }: SealedTriesOptions,
  asked: PrivateRequest,
  signal: AbortSignal | undefined,
): SealedTries {
  const known = { ...trust, allow: [...(trust.allow ?? []), ...allow] };
  const tried: Uint8Array[] = [];
  let failed: unknown;

  function listExcluded(): Uint8Array[] {
    const isTried = (id: Uint8Array): boolean => tried.some((one) => equalBytes(one, id));
    return [...distrusted.filter((id) => !isTried(id)), ...tried];
  }

  function distrust(): void {
    const id = tried.at(-1);
    if (id === undefined || distrusted.some((one) => equalBytes(one, id))) return;
    distrusted.push(id);
    if (distrusted.length > MAX_DISTRUSTED) distrusted.shift();
  }

  function mayTryAgain(error: unknown): boolean {
    // An offer that does not hold is its gateway's fault, and the gateway stays the same.
    if (tried.length === 0 || tried.length >= MAX_TRIES) return false;
    if (error instanceof GatewayApiError) return TRIED_AGAIN.has(error.code);
    return error instanceof SealedCallError && error.checks.length === 0 && error.code !== 'unsupported';
  }

  return {
    async offer() {
      const given = { trust: known, findModelRoots, checkMachine, tried: listExcluded(), signal };
      const offered = await askOffer(post, asked, given);
      tried.push(offered.ticket.providerId);
      return offered;
    },
    fail(error, isFinal = false) {
      if (error instanceof SealedCallError && tried.length > 0 && error.checks.length === 0) distrust();
      // Report the provider's own failure, not that no other provider was left.
      if (failed !== undefined && error instanceof GatewayApiError && NOBODY.has(error.code)) throw failed;
      if (isFinal || signal?.aborted || !mayTryAgain(error)) throw error;
      failed = error;
    },
    distrust,
    repeat(error) {
      failed = error;
      return tried.length < MAX_TRIES && signal?.aborted !== true;
    },
  };
}
