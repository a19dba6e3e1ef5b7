import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { readSettlement, readVotesAt, recoverSigners } from '@ogong/chain/read-settlement';
import type { DecodedSettle } from '@ogong/chain/settle-decode';
import { fromHex, ProtocolError } from '@ogong/protocol/base/bytes';
import { findValidator, type QuorumMember } from '@ogong/protocol/crypto/quorum';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { hashSettlement, type Settlement } from '@ogong/protocol/settlement/batch';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { SettledEvidence, UnsettledReply } from '@ogong/protocol/verdict/settled';
import { nodeCrypto as crypto } from '../crypto/node-crypto.ts';
import { LinkError } from '../link/link-error.ts';
import type { LinkPool } from '../link/link-pool.ts';

export interface FollowDependencies {
  readonly chain: Pick<ChainClient, 'transactor' | 'deployment'>;
  readonly links: Pick<LinkPool, 'to'>;
  /** The set in which the receipt's validator is looked up: its endpoint and certificate. */
  readonly validators: readonly QuorumMember[];
}

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * Collects the way from a receipt into the settled log: the entry from the validator that the order names, the rest from the chain.
 * Nothing of it is believed here; `verifyReceipt` checks it.
 */
export async function followReply(
  receipt: Pick<Receipt, 'ledger' | 'order'>,
  { chain, links, validators }: FollowDependencies,
): Promise<SettledEvidence | UnsettledReply> {
  try {
    const order = nameOrder(crypto, receipt.ledger, parseOrder(receipt.order.bytes));
    const validator = findValidator(validators, order.validator);
    if (validator === undefined) return { problem: 'the validator that the order names is not of the set' };
    const { endpoint, certHash } = validator;
    const service = links.to(ValidatorService, { endpoint, certHash });
    const { entry, index, proof, transaction } = await service.getSettled(
      { replyId: order.replyId },
      { timeoutMs: ANSWER_TIMEOUT_MS },
    );
    return { entry, index, proof, ...(await readBatch(chain, transaction)) };
  } catch (error) {
    if (error instanceof LinkError)
      return { problem: `the validator does not show the reply's entry: ${error.message}` };
    if (error instanceof ChainError) return { problem: `the settlement cannot be read: ${error.message}` };
    if (error instanceof ProtocolError) return { problem: `the receipt's order cannot be read: ${error.message}` };
    throw error;
  }
}

async function readBatch({ transactor, deployment }: FollowDependencies['chain'], transaction: string) {
  const { call, event, blockNumber } = await readSettlement(transactor, deployment, transaction as `0x${string}`);
  const settlement = toSettlement(call);
  const domain = { chainId: BigInt(deployment.chainId), verifyingContract: bytes(deployment.settlement) };
  const signed = await recoverSigners(hashSettlement(crypto, domain, settlement), call.quorum);
  const signers = signed.map(({ signer }) => signer);
  const { each, total } = await readVotesAt(transactor, deployment, { signers, blockNumber });
  return {
    settlement,
    signatures: signed.map(({ signer, signature }) => ({ signer: bytes(signer), signature: bytes(signature) })),
    votes: signers.map((signer, i) => ({ address: bytes(signer), stake: each[i] ?? 0n })),
    totalVotes: total,
    event: {
      ...event,
      validator: bytes(event.validator),
      recordsRoot: bytes(event.recordsRoot),
      logHead: bytes(event.logHead),
    },
    blockNumber,
  };
}

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

function toSettlement({ batch, debits, lines, ejections }: DecodedSettle): Omit<Settlement, 'uncollectable'> {
  return {
    batch: {
      ...batch,
      validator: bytes(batch.validator),
      logHead: bytes(batch.logHead),
      recordsRoot: bytes(batch.recordsRoot),
    },
    debits: debits.map(({ payer, termsHash, signature, ...amounts }) => ({
      ...amounts,
      ...{ payer: bytes(payer), termsHash: bytes(termsHash), signature: bytes(signature) },
    })),
    lines: lines.map(({ gross, ...parties }) => ({
      providerId: bytes(parties.providerId),
      payee: bytes(parties.payee),
      router: bytes(parties.router),
      gross,
    })),
    ejections: ejections.map(bytes),
  };
}
