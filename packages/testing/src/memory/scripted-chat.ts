import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { toChatParams } from '@ogong/memory/models/ask-fields';
import type { ChatAsk } from '@ogong/memory/models/memory-models';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { encodeReceipt } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { rememberCrypto } from '../protocol/remembered-crypto.ts';
import { createSyntheticReceipt } from '../synthetic/synthetic-receipt.ts';
import { SYNTHETIC_MODEL } from '../synthetic/synthetic-reply.ts';

export interface SignedChat {
  readonly receipt: Uint8Array;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly trust: Trust;
  /** Unix time, ms, shortly after the reply. */
  readonly nowMs: number;
}

const crypto = rememberCrypto(nodeCrypto);
const TOKENS = 40;

/**
 * An answer of a made-up model with a receipt whose checks all pass.
 * @param more fields of the request. Default: none.
 */
export function signChat(ask: ChatAsk, text: string, more: object = {}): SignedChat {
  const { receipt, reply, trust, nowMs } = createSyntheticReceipt({
    crypto,
    provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
    router: createNobleHybridSigner(new Uint8Array(64).fill(8)),
    payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
    ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
    ...{ tokens: TOKENS, text, parameters: { ...toChatParams(SYNTHETIC_MODEL, ask), ...more } },
  });
  return { receipt: encodeReceipt(receipt), request: reply.request, response: reply.response, trust, nowMs };
}
