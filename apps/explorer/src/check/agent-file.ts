import { quickCrypto as crypto } from '@ogong/protocol/crypto/quick-noble';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { isAgentChain, MAX_AGENT_CHAIN_BYTES } from '@ogong/protocol/verdict/agent/agent-chain';
import {
  type AgentChainVerdict,
  type AgentStepVerdict,
  verifyAgentChain,
} from '@ogong/protocol/verdict/agent/verify-agent-chain';
import { readCheckedFee } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { verifyWithoutBlobs } from '@ogong/protocol/verdict/receipt/verify-without-blobs';
import { FileError } from './receipt-file.ts';

export interface CheckedRun extends Omit<AgentChainVerdict, 'steps'> {
  readonly steps: readonly (AgentStepVerdict & {
    /** Atomic units; undefined if the receipt confirms no fee. */
    readonly fee: bigint | undefined;
  })[];
}

export { isAgentChain };

/**
 * Every check of a run's file, by the same functions as `ogong agent verify`.
 * @throws FileError that names the fault of the file.
 */
export async function checkAgentFile(
  file: Uint8Array,
  { nowMs, trustOf }: { readonly nowMs: number; readonly trustOf: (receipt: Receipt) => Promise<Trust> },
): Promise<CheckedRun> {
  if (file.length > MAX_AGENT_CHAIN_BYTES) throw new FileError(`the file is too large: ${file.length} bytes`);
  const verify = async ({
    receipt,
    request,
    response,
  }: Parameters<Parameters<typeof verifyAgentChain>[1]['verify']>[0]) =>
    verifyWithoutBlobs(receipt, { crypto, request, response, trust: await trustOf(receipt), nowMs });
  const verdict = await verifyAgentChain(file, { crypto, verify }).catch((error: Error) => {
    throw new FileError(error.message);
  });
  return { ...verdict, steps: verdict.steps.map((step) => ({ ...step, fee: readCheckedFee(step.receipt.checks) })) };
}
