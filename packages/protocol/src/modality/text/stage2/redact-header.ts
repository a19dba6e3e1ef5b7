import type { Header } from '../commitment/header.ts';

const ZERO = new Uint8Array(32);

/**
 * Redacts a header for a verifier. It keeps the fields that a pass over the tokens depends on. Fields that identify the reply,
 * its time, or the provider's results become zero. So a verifier cannot tell whose reply it checks.
 */
export function redactHeader(header: Header): Header {
  return {
    ...header,
    orderHash: ZERO,
    vocabularyHash: ZERO,
    drawKey: { mode: 'seed', seed: 0n, requestHash: ZERO, modelRoot: ZERO, choice: 0 },
    choice: 0,
    maxTokens: 0,
    promptTokensHash: ZERO,
    promptTokenCount: 0,
    outputTokensHash: ZERO,
    boundaries: [],
    payee: new Uint8Array(20),
  };
}
