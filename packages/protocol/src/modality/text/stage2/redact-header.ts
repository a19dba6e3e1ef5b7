import type { Header } from '../commitment/header.ts';

const ZERO = new Uint8Array(32);

/**
 * The header as a verifier gets it: what a pass over the tokens depends on. Whatever says whose reply it is, when it was
 * served or what the provider computed is zero, so that a verifier cannot tell whom its report would help.
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
    payee: new Uint8Array(20),
  };
}
