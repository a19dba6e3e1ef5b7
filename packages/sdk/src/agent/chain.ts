import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { type AgentStep, encodeAgentChain as encodeWith } from '@ogong/protocol/verdict/agent/agent-chain';
import {
  type AgentChainVerdict,
  verifyAgentChain as verifyWith,
} from '@ogong/protocol/verdict/agent/verify-agent-chain';
import { type ReceiptInput, verifyReceipt } from '../receipts.ts';

/** Encodes the steps of a run as the file that anybody can check (docs/spec/agent-chain.md). */
export const encodeAgentChain = (steps: readonly AgentStep[]): Uint8Array => encodeWith(nobleCrypto, steps);

/**
 * Checks the file of a run offline: each receipt, and that each request follows from the step before. The random draws of each answer are
 * replayed. @throws ProtocolError for a file that cannot be read.
 */
export function verifyAgentChain(
  file: Uint8Array,
  options: Pick<ReceiptInput, 'trust' | 'allow' | 'nowMs'> = {},
): Promise<AgentChainVerdict> {
  return verifyWith(file, {
    crypto: nobleCrypto,
    verify: ({ receipt, request, response }) => verifyReceipt(receipt, { request, response, ...options }),
  });
}
