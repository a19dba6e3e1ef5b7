import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { type BatchEvidence, readSettledBatch } from '@ogong/chain/settlement/settled-batch';
import { readHeadVoters } from '@ogong/chain/validators/head-voters';
import { readSigningKeys } from '@ogong/chain/validators/votes';
import { fromHex, ProtocolError } from '@ogong/protocol/base/bytes';
import { findValidator, type QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type NamedOrder, nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type {
  HeadEvidence,
  IntakeEvidence,
  SettledEvidence,
  UnsettledReply,
} from '@ogong/protocol/verdict/receipt/settled';
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
/** Usual time after an order's expiry in which a validator still accepts its record. */
const GRACE_MS = 600_000;

/** Findings about a reply beside its receipt. Nothing of it is checked here; `verifyReceipt` does that. */
export interface FollowedReply {
  readonly intake: IntakeEvidence | UnsettledReply;
  readonly settled: SettledEvidence | UnsettledReply;
}

/**
 * Collects the way from a receipt into the settled log. Intake and log entry come from the validator that the order names, the rest from
 * the chain.
 */
export async function followReply(
  receipt: Pick<Receipt, 'ledger' | 'order'>,
  { chain, links, validators }: FollowDependencies,
): Promise<FollowedReply> {
  const order = readOrder(receipt);
  if ('problem' in order) return { intake: order, settled: order };
  const validator = findValidator(validators, order.validator);
  if (validator === undefined) {
    const stranger = { problem: 'the validator that the order names is not of the set' };
    return { intake: stranger, settled: stranger };
  }
  const service = links.to(ValidatorService, { endpoint: validator.endpoint, certHash: validator.certHash });
  const wanted = { replyId: order.replyId };
  const limits = { timeoutMs: ANSWER_TIMEOUT_MS };
  return {
    intake: await orProblem(async () => {
      const { epoch, signature } = await service.getIntake(wanted, limits);
      return { epoch, signature, signingKeys: await readKeys(chain, order) };
    }),
    settled: await orProblem(async () => {
      const { entry, index, proof, transaction } = await service.getSettled(wanted, limits);
      const batch = await readSettledBatch(crypto, chain, transaction);
      return { entry, index, proof, ...batch, head: await findHead(batch) };
    }),
  };

  /** A validator that is older than such certificates does not know the question. */
  async function findHead({ settlement, blockNumber }: BatchEvidence): Promise<HeadEvidence | undefined> {
    if (chain.deployment.beaconKeys === undefined) return undefined;
    const { sequence } = settlement.batch;
    const { certificate } = await service.getHead({ sequence }, limits).catch((error: unknown) => {
      if (!(error instanceof LinkError)) throw error;
      return { certificate: new Uint8Array(0) };
    });
    if (certificate.length === 0) return undefined;
    try {
      return { certificate, voters: await readHeadVoters(chain, certificate, blockNumber) };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // It names no readable voter. The check reports its fault.
      return { certificate, voters: { voters: [], totalStake: 0n } };
    }
  }
}

function readOrder({ ledger, order }: Pick<Receipt, 'ledger' | 'order'>): NamedOrder | UnsettledReply {
  try {
    return nameOrder(crypto, ledger, parseOrder(order.bytes));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { problem: `the receipt's order cannot be read: ${error.message}` };
  }
}

async function orProblem<T>(collect: () => Promise<T>): Promise<T | UnsettledReply> {
  try {
    return await collect();
  } catch (error) {
    if (error instanceof LinkError) return { problem: `the validator does not show it: ${error.message}` };
    if (error instanceof ChainError) return { problem: `the settlement cannot be read: ${error.message}` };
    throw error;
  }
}

/** The record was accepted between the order's signature and the end of its grace: the key may have changed meanwhile. */
async function readKeys({ transactor, deployment }: FollowDependencies['chain'], order: NamedOrder) {
  const { fromMs, toMs } = computeOrderSpan(order);
  const timesMs = [fromMs, toMs + GRACE_MS];
  return (await readSigningKeys(transactor, deployment, { account: order.validator, timesMs })).map(bytes);
}

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
