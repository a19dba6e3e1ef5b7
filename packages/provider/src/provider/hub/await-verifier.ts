import { setTimeout as delay } from 'node:timers/promises';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { VerifierEndpoint } from '@ogong/protocol/exchange/announcement';
import { parseEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { VerifierService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

export interface VerifierWaitOptions {
  readonly verifier: VerifierEndpoint;
  readonly providerId: Uint8Array;
  /** Default: ten minutes. */
  readonly patienceMs?: number;
  /** Pause between two questions. Default: 2,000. */
  readonly intervalMs?: number;
}

const ASK_TIMEOUT_MS = 5_000;

/** Its verifier lacks a model that the provider has fetched. */
export class VerifierLacksError extends Error {
  override readonly name = 'VerifierLacksError';
  readonly code = 'verifier-lacks-model';
  readonly retryable = false;
}

/** Waits until the classes that a verifier endorses have a model. @throws VerifierLacksError if they have not in time. */
export function createVerifierWait(
  { verifier, providerId, patienceMs = 600_000, intervalMs = 2_000 }: VerifierWaitOptions,
  { links }: { readonly links: LinkPool },
): (modelRoot: Uint8Array, signal: AbortSignal) => Promise<void> {
  const hasModel = async (modelRoot: Uint8Array, signal: AbortSignal): Promise<boolean> => {
    const call = { timeoutMs: ASK_TIMEOUT_MS, signal };
    const { word } = await links.to(VerifierService, verifier).endorse({ providerId }, call);
    return parseEndorsement(word).classes.some((one) => equalBytes(one.modelRoot, modelRoot));
  };
  return async (modelRoot, signal) => {
    let cause: unknown;
    for (let waitedMs = 0; waitedMs <= patienceMs; waitedMs += intervalMs) {
      try {
        if (await hasModel(modelRoot, signal)) return;
      } catch (error) {
        cause = error;
      }
      await delay(intervalMs, undefined, { signal });
    }
    const message = 'the verifier of this provider has not loaded the model: start ogong-verifierd with --hub-of';
    throw new VerifierLacksError(message, { cause });
  };
}
